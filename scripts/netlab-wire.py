#!/usr/bin/env python3
"""A network cable that is long in one direction; part of netlab.sh, for kernels without netem.

    netlab-wire.py FROM TO MS     carries frames between two network devices: from FROM to TO after
                                  MS milliseconds, back at once; ends when one of them is removed
    netlab-wire.py plain DEVICE   makes the kernel finish each frame before DEVICE sends it

The second is needed at both ends: between two halves of a veth pair the kernel leaves checksums and
segmentation to hardware that is not there, and a program in between would see half-made frames.
"""
import collections
import ctypes
import fcntl
import select
import socket
import struct
import sys
import time

ANY_PROTOCOL = 3  # ETH_P_ALL
OUTGOING = 4  # PACKET_OUTGOING: our own frames, which a packet socket hears as well
ETHTOOL, SET_TX_CHECKSUM = 0x8946, 0x17  # SIOCETHTOOL, ETHTOOL_STXCSUM
LONGEST = 65536
# A second of a busy link. More than that is lost, as in a router.
MOST_WAITING = 20_000


def plain(device):
    command = ctypes.create_string_buffer(struct.pack("II", SET_TX_CHECKSUM, 0))
    request = struct.pack("16sP", device.encode(), ctypes.addressof(command))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, ETHTOOL, request)


def carry(devices, delay):
    sockets = []
    for device in devices:
        packets = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ANY_PROTOCOL))
        packets.bind((device, 0))
        sockets.append(packets)
    near, far = sockets
    waiting = collections.deque()  # (when, frame): in order, since the delay is the same for all
    while True:
        pause = max(0, waiting[0][0] - time.monotonic()) if waiting else None
        ready, _, _ = select.select(sockets, [], [], pause)
        for packets in ready:
            frame = receive(packets, devices)
            if frame and packets is near and len(waiting) < MOST_WAITING:
                waiting.append((time.monotonic() + delay, frame))
            elif frame and packets is far:
                send(near, frame)
        while waiting and waiting[0][0] <= time.monotonic():
            send(far, waiting.popleft()[1])


def receive(packets, devices):
    try:
        frame, address = packets.recvfrom(LONGEST)
    except OSError:  # the device is down, or gone
        for device in devices:
            try:
                socket.if_nametoindex(device)
            except OSError:
                sys.exit()
        return None
    return None if address[2] == OUTGOING else frame


def send(packets, frame):
    try:
        packets.send(frame)
    except OSError:
        pass  # a cable that is unplugged loses frames


if __name__ == "__main__":
    if sys.argv[1] == "plain":
        plain(sys.argv[2])
    else:
        carry(sys.argv[1:3], float(sys.argv[3]) / 1000)
