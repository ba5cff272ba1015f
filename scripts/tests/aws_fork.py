"""The AWS CLI without its start, which is nearly all of what a call costs: half a second of Python.

    aws_fork.py serve SOCKET        loads the CLI once, and answers each call in a fork of itself
    aws_fork.py SOCKET WORD...      makes a call: `aws WORD...`

A call has the caller's environment, folder and first three files. So nothing is left over from an
earlier call but what is read only: the code, and the descriptions of the services. The caller ends
with the exit code of the call.
"""

import os
import socket
import sys

SERVICES = ("ec2", "ssm", "sts")


def load():
    """Returns how to make a call, with all loaded that a call needs."""
    import gc

    from awscli.clidriver import create_clidriver

    warm = create_clidriver()
    loader = warm.session.get_component("data_loader")
    for service in SERVICES:
        loader.load_service_model(service, "service-2")
    # A call to a port where nothing listens loads the rest.
    os.environ.update(AWS_MAX_ATTEMPTS="1")
    warm.main(["--endpoint-url", "http://127.0.0.1:9", "ec2", "describe-vpcs"])
    gc.freeze()

    def call(words):
        driver = create_clidriver()
        driver.session.register_component("data_loader", loader)
        return driver.main(words)

    return call


def serve(path):
    import signal

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # so that nobody has to wait for the forks
    call = load()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path + ".new")
    listener.listen(64)
    os.rename(path + ".new", path)  # callers see it only now
    while True:
        caller, _ = listener.accept()
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            listener.close()
            os._exit(answer(caller, call))
        caller.close()


def answer(caller, call):
    size, files, _, _ = socket.recv_fds(caller, 8, 3)
    text = b""
    while len(text) < int(size):
        text += caller.recv(1 << 20) or sys.exit(1)
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")
    folder, count, *rest = text.decode(errors="surrogateescape").split("\0")
    words, pairs = rest[: int(count)], rest[int(count) :]
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(pair.split("=", 1) for pair in pairs)
    sys.argv = ["aws", *words]
    try:
        code = call(words)
    except SystemExit as end:
        code = end.code
    code = code if isinstance(code, int) else 1
    sys.stdout.flush()
    sys.stderr.flush()
    caller.send(bytes([code & 255]))
    return 0


def ask(path, words):
    pairs = ["=".join(pair) for pair in os.environ.items()]
    text = "\0".join([os.getcwd(), str(len(words)), *words, *pairs]).encode(errors="surrogateescape")
    server = socket.socket(socket.AF_UNIX)
    server.connect(path)
    socket.send_fds(server, [b"%8d" % len(text)], [0, 1, 2])
    server.sendall(text)
    code = server.recv(1)
    return code[0] if code else 1


if sys.argv[1] == "serve":
    serve(sys.argv[2])
else:
    sys.exit(ask(sys.argv[1], sys.argv[2:]))
