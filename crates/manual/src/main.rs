//! Writes a man page and shell completions for each of the five programs and for `lab-report`, from
//! the definitions that the programs themselves parse their arguments with.
//!
//! `manual DIR` makes `DIR/man` and `DIR/completions`. `scripts/build-static.sh` runs it for a
//! release. It is a crate of its own because it needs all the programs, and they need none of it.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Arg, Command, CommandFactory, Parser};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

/// The exit codes of all five programs, as `common::cli` promises them.
const EXIT_CODES: [(&str, &str); 4] = [
    ("0", "All was done."),
    (
        "1",
        "It failed; the cause and the next step are on standard error.",
    ),
    ("2", "The command line was wrong."),
    (
        "129, 130, 143",
        "Interrupted with work left undone, by a closed terminal, Ctrl-C or SIGTERM.",
    ),
];

/// The exit codes of `lab-report`: its verdicts.
const VERDICTS: [(&str, &str); 4] = [
    ("0", "All was as promised."),
    (
        "1",
        "Something was not as promised, or a file cannot be read or written.",
    ),
    ("2", "The command line was wrong."),
    ("3", "It cannot be known from these journals."),
];

/// The shells that people of Linux and macOS use.
const SHELLS: [Shell; 3] = [Shell::Bash, Shell::Zsh, Shell::Fish];

/// Writes the man pages and shell completions of the programs
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// The folder that gets man/ and completions/; it is made if it is not there
    dir: PathBuf,
}

fn main() -> ExitCode {
    let Args { dir } = Args::parse();
    match write_all(&dir) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("manual: cannot write into {}: {error}", dir.display());
            eprintln!("help: name a folder that you can write to");
            ExitCode::FAILURE
        }
    }
}

fn write_all(dir: &Path) -> io::Result<()> {
    let (man, completions) = (dir.join("man"), dir.join("completions"));
    fs::create_dir_all(&man)?;
    fs::create_dir_all(&completions)?;
    for command in commands() {
        let name = command.get_name().to_owned();
        write_page(
            command.clone(),
            &mut File::create(man.join(format!("{name}.1")))?,
        )?;
        for shell in SHELLS {
            clap_complete::generate_to(shell, &mut command.clone(), &name, &completions)?;
        }
    }
    Ok(())
}

fn commands() -> [Command; 6] {
    [
        buddy::Args::command(),
        chat_client::Args::command(),
        chat_server::Args::command(),
        secret_client::Args::command(),
        secret_server::Args::command(),
        lab_report::Args::command(),
    ]
}

/// Writes a man page, with the sections in the order of man-pages(7).
fn write_page(mut command: Command, to: &mut dyn Write) -> io::Result<()> {
    // The synopsis of `--help`, because clap_mangen would list every flag in it.
    let usage = command.render_usage().to_string();
    let command = command.override_usage(usage.trim_start_matches("Usage: ").to_owned());
    let examples = command.get_after_help().map(ToString::to_string);
    let variables = variables(&command);
    let codes = match variables.is_empty() {
        false => EXIT_CODES,
        true => VERDICTS,
    };
    let page = Man::new(command.mut_args(with_aliases)).manual("Distributed lab");
    page.render_title(to)?;
    page.render_name_section(to)?;
    page.render_synopsis_section(to)?;
    page.render_description_section(to)?;
    page.render_options_section(to)?;
    let mut rest = Roff::new();
    if let Some(examples) = examples {
        // As they are, because their lines must not be joined.
        rest.control("SH", ["NOTES"]).control("nf", []);
        for line in examples.lines() {
            rest.text([roman(line)]);
        }
        rest.control("fi", []);
    }
    rest.control("SH", ["EXIT STATUS"]);
    for (code, meaning) in codes {
        rest.control("TP", []);
        rest.text([bold(code)]).text([roman(meaning)]);
    }
    if !variables.is_empty() {
        rest.control("SH", ["ENVIRONMENT"]);
    }
    for (name, meaning) in variables {
        rest.control("TP", []);
        rest.text([bold(name)]).text([roman(meaning)]);
    }
    rest.to_writer(to)
}

/// Returns the variables that the program reads, and what each is for. `lab-report` reads none.
fn variables(command: &Command) -> Vec<(String, String)> {
    let instead = |flag: &str| format!("Taken where no --{flag} is given.");
    let mut found = Vec::new();
    for arg in command.get_arguments() {
        let flag = arg.get_id().as_str();
        // The first two are read by `common::cli`, because the key is in no list of processes and
        // an empty LAB_JOURNAL is none.
        let variable = match flag {
            "key" => Some("LAB_KEY".to_owned()),
            "journal" => Some("LAB_JOURNAL".to_owned()),
            _ => arg
                .get_env()
                .map(|name| name.to_string_lossy().into_owned()),
        };
        found.extend(variable.map(|name| (name, instead(flag))));
        if flag == "verbose" {
            let meaning = "What is logged to standard error; see --verbose.";
            found.push(("RUST_LOG".to_owned(), meaning.to_owned()));
        }
    }
    found
}

/// Adds the other names of a flag to its help, because clap_mangen leaves them out.
fn with_aliases(arg: Arg) -> Arg {
    let aliases = arg.get_visible_aliases().unwrap_or_default();
    if aliases.is_empty() {
        return arg;
    }
    let aliases = aliases
        .iter()
        .map(|alias| format!("--{alias}"))
        .collect::<Vec<_>>()
        .join(", ");
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    arg.help(format!("{help} [also: {aliases}]"))
}

#[cfg(test)]
mod tests {
    use super::{SHELLS, commands, write_page};

    /// Returns the long and short names of all flags, as a person types them.
    fn flags(command: &clap::Command) -> Vec<String> {
        let mut command = command.clone();
        command.build(); // adds --help and --version
        let mut flags = Vec::new();
        for arg in command.get_arguments().filter(|arg| !arg.is_hide_set()) {
            let longs = arg.get_long_and_visible_aliases().unwrap_or_default();
            flags.extend(longs.iter().map(|long| format!("--{long}")));
            let shorts = arg.get_short_and_visible_aliases().unwrap_or_default();
            flags.extend(shorts.iter().map(|short| format!("-{short}")));
        }
        flags
    }

    fn page(command: clap::Command) -> String {
        let mut page = Vec::new();
        write_page(command, &mut page).expect("a Vec takes all");
        String::from_utf8(page)
            .expect("help is UTF-8")
            .replace("\\-", "-")
    }

    #[test]
    fn every_flag_is_on_the_page_of_its_program() {
        for command in commands() {
            let (name, flags) = (command.get_name().to_owned(), flags(&command));
            assert!(flags.len() > 5, "{name} has only {flags:?}");
            let page = page(command);
            for flag in flags {
                assert!(page.contains(&flag), "{flag} is not in {name}.1:\n{page}");
            }
        }
    }

    #[test]
    fn every_flag_is_completed_in_every_shell() {
        for command in commands() {
            let name = command.get_name().to_owned();
            for shell in SHELLS {
                let mut script = Vec::new();
                clap_complete::generate(shell, &mut command.clone(), &name, &mut script);
                let script = String::from_utf8(script).expect("help is UTF-8");
                for flag in flags(&command) {
                    // In fish a flag has no dashes: `-l patience`, `-s n`.
                    let word = match shell {
                        clap_complete::Shell::Fish if flag.starts_with("--") => {
                            flag.replacen("--", "-l ", 1)
                        }
                        clap_complete::Shell::Fish => flag.replacen('-', "-s ", 1),
                        _ => flag,
                    };
                    assert!(
                        script.contains(&word),
                        "{word} is not in the {shell} script of {name}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_variables_that_a_program_reads_are_on_its_page() {
        for (name, variables) in [
            ("buddy", &["LAB_KEY", "LAB_JOURNAL", "RUST_LOG"][..]),
            (
                "chat-client",
                &["LAB_SERVER", "LAB_KEY", "LAB_JOURNAL", "RUST_LOG"],
            ),
            ("lab-report", &[]),
        ] {
            let command = commands()
                .into_iter()
                .find(|known| known.get_name() == name);
            let page = page(command.expect("a program of that name"));
            let environment = page.split_once(".SH ENVIRONMENT").unwrap_or_default().1;
            let found: Vec<_> = environment
                .lines()
                .filter_map(|line| line.strip_prefix("\\fB"))
                .collect();
            let expected: Vec<_> = variables.iter().map(|name| format!("{name}\\fR")).collect();
            assert_eq!(found, expected, "{page}");
        }
    }

    #[test]
    fn the_lines_of_examples_are_not_joined() {
        for command in commands() {
            let examples = command.get_after_help().map(ToString::to_string);
            let examples = examples.expect("every program has examples");
            let page = page(command);
            for line in examples.lines().filter(|line| !line.is_empty()) {
                assert!(page.contains(line.trim_start()), "{line} is not in\n{page}");
            }
            assert!(page.contains(".nf"), "{page}");
        }
    }
}
