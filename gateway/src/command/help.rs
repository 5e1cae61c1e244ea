//! What `--help` says, in the language of who sits at the terminal.

use std::sync::LazyLock;

use clap::{Arg, Command};
use kakehashi_messages::{Language, in_japanese};

/// The parts of a help page in their order, as the library has them, with the heading of the usage by itself.
const PAGE: &str = "{before-help}{about-with-newline}\n{usage-heading} {usage}\n\n{all-args}{after-help}";

/// Headings, which the library wants to have for as long as the process lives.
static COMMANDS: LazyLock<String> = LazyLock::new(|| in_japanese("Commands").into_owned());
static OPTIONS: LazyLock<String> = LazyLock::new(|| in_japanese("Options").into_owned());
static ARGUMENTS: LazyLock<String> = LazyLock::new(|| in_japanese("Arguments").into_owned());

/// The command line with its help in a language.
pub(super) fn in_language(mut command: Command, language: Language) -> Command {
    if language == Language::English {
        return command;
    }
    // The library adds its own options and commands; they have a help, too.
    command.build();
    told(command, language)
}

fn told(mut command: Command, language: Language) -> Command {
    let of = |text: &str| language.of(text).into_owned();
    if let Some(about) = command.get_about().map(|about| of(&about.to_string())) {
        command = command.about(about);
    }
    if let Some(about) = command.get_long_about().map(|about| of(&about.to_string())) {
        command = command.long_about(about);
    }
    command = command
        .help_template(PAGE.replace("{usage-heading}", &of("Usage:")))
        .subcommand_help_heading(COMMANDS.as_str())
        .mut_args(|argument| told_argument(argument, language));
    let names: Vec<String> = command
        .get_subcommands()
        .map(|command| command.get_name().to_owned())
        .collect();
    names.into_iter().fold(command, |command, name| {
        command.mut_subcommand(name, |command| told(command, language))
    })
}

fn told_argument(mut argument: Arg, language: Language) -> Arg {
    let of = |text: &str| language.of(text).into_owned();
    if let Some(help) = argument.get_help().map(|help| of(&help.to_string())) {
        argument = argument.help(help);
    }
    if let Some(help) = argument.get_long_help().map(|help| of(&help.to_string())) {
        argument = argument.long_help(help);
    }
    let heading = if argument.is_positional() { &ARGUMENTS } else { &OPTIONS };
    argument.help_heading(heading.as_str())
}
