//! From the words of the command line to a program's arguments.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;

use clap::Parser;

use super::end::{Readers, finish};
use super::lab_key::write_new_key;
use super::secrets::without_secrets;

/// Returns the parsed command line; a usage error ends the program with 2. `--new-key` makes a key
/// and ends the program, before required flags are missed.
///
/// One dash is enough for a long flag (`-port`), because the lab sheet writes them so.
pub fn parse<A: Parser>() -> A {
    let command = A::command();
    let program = command.get_name().to_owned();
    let names = clap::Arg::get_long_and_visible_aliases;
    let longs = command.get_arguments().filter_map(names).flatten();
    let longs: Vec<String> = longs.map(str::to_owned).collect();
    let args = std::env::args_os().map(|arg| with_two_dashes(arg, &longs));
    let matches = command.try_get_matches_from(args);
    let matches = matches.unwrap_or_else(|error| give_up(&error));
    if let Ok(Some(path)) = matches.try_get_one::<PathBuf>("new_key") {
        let made = write_new_key(path).map_err(anyhow::Error::from);
        std::process::exit(finish(Readers::People, &program, made).into());
    }
    A::from_arg_matches(&matches).unwrap_or_else(|error| give_up(&error.format(&mut A::command())))
}

/// Prints a usage error, or the help that was asked for, and ends the program.
fn give_up(error: &clap::Error) -> ! {
    let text = error.to_string();
    let shown = without_secrets(&text);
    if error.use_stderr() && shown != text {
        let _ = io::stderr().write_all(shown.as_bytes());
        std::process::exit(error.exit_code());
    }
    error.exit()
}

fn with_two_dashes(arg: OsString, longs: &[String]) -> OsString {
    let known = |text: &str| {
        let name = text.strip_prefix('-')?;
        let name = name.split_once('=').map_or(name, |(name, _)| name);
        (name.len() > 1 && longs.iter().any(|long| long == name)).then(|| format!("-{text}"))
    };
    match arg.to_str().and_then(known) {
        Some(fixed) => fixed.into(),
        None => arg,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_dash_is_enough_for_a_flag_we_know() {
        let longs = ["port".to_owned(), "next".to_owned()];
        let fixed = |arg: &str| with_two_dashes(arg.into(), &longs);
        assert_eq!(fixed("-port"), "--port");
        assert_eq!(fixed("-next=:8040"), "--next=:8040");
        for untouched in ["--port", "-n", "-vv", "-", "8030", "-nextdoor"] {
            assert_eq!(fixed(untouched), untouched);
        }
    }
}
