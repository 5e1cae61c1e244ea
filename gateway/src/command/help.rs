//! What `--help` says, in the language of who sits at the terminal.

use std::sync::LazyLock;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command, Error};
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
    // The catalogue has the paragraphs of a long text in one line.
    let in_one_line = |text: String| text.replace("\n\n", "  ").trim_end_matches('.').to_owned();
    if let Some(about) = command
        .get_long_about()
        .map(|about| of(&in_one_line(about.to_string())))
    {
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
    // Under a heading of ours the library sorts by names; arguments stand as they are written.
    if let Some(place) = argument.get_index() {
        argument = argument.display_order(place);
    }
    let heading = if argument.is_positional() { &ARGUMENTS } else { &OPTIONS };
    argument.help_heading(heading.as_str())
}

/// What is wrong with how the command was used, in one text in English, for the kinds that people meet; `None`: the library
/// says it.
pub(super) fn wrong_usage(error: &Error) -> Option<String> {
    let of = |kind| error.get(kind).map(shown);
    let argument = of(ContextKind::InvalidArg);
    let guess = |kind| of(kind).map_or_else(String::new, |guess| format!("; did you mean `{guess}`?"));
    match error.kind() {
        ErrorKind::UnknownArgument => Some(format!(
            "there is no argument `{}` here{}",
            argument?,
            guess(ContextKind::SuggestedArg)
        )),
        ErrorKind::InvalidSubcommand => Some(format!(
            "there is no command `{}`{}",
            of(ContextKind::InvalidSubcommand)?,
            guess(ContextKind::SuggestedSubcommand)
        )),
        ErrorKind::MissingRequiredArgument => Some(format!("these arguments are missing: {}", argument?)),
        ErrorKind::ArgumentConflict => {
            let other = of(ContextKind::PriorArg)?;
            Some(format!("`{}` cannot be given together with `{other}`", argument?))
        }
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            let value = of(ContextKind::InvalidValue).unwrap_or_default();
            let known = of(ContextKind::ValidValue).filter(|known| !known.is_empty());
            let argument = argument?;
            Some(match (value.is_empty(), known) {
                (true, _) => format!("`{argument}` needs a value"),
                (false, Some(known)) => format!("`{argument}` cannot be `{value}`; these are possible: {known}"),
                (false, None) => format!("`{argument}` cannot be `{value}`"),
            })
        }
        _ => None,
    }
}

/// How a command is used rightly, as the library says it with an error.
pub(super) fn right_usage(error: &Error) -> Option<String> {
    let usage = shown(error.get(ContextKind::Usage)?);
    let usage = usage.trim().strip_prefix("Usage:")?.trim();
    Some(usage.to_owned())
}

fn shown(value: &ContextValue) -> String {
    match value {
        ContextValue::Strings(several) => several.join(", "),
        other => other.to_string(),
    }
}
