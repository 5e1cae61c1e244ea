//! Pages whose blocks are to be pasted: what stands in them, what they are said to print, and doing it.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// A fenced block of a page.
#[derive(Debug)]
pub(crate) struct Block {
    /// What stands behind the fence.
    pub(crate) language: String,
    pub(crate) text: String,
    /// The line of its fence, from 1.
    pub(crate) line: usize,
}

/// Commands, and what they are said to print.
#[derive(Debug)]
pub(crate) struct Example {
    pub(crate) commands: Block,
    pub(crate) printed: Block,
}

/// A page in its parts.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) examples: Vec<Example>,
    /// Programs by the names that their first lines give them.
    pub(crate) programs: Vec<(String, Block)>,
    /// The names that are set before anything is done.
    pub(crate) variables: Vec<String>,
}

/// What separates the outputs of examples.
const BETWEEN: &str = "---- that was an example ----";

/// Longer than anything takes that works, in seconds: a block that waits for what never comes ends.
const PATIENCE: &str = "120";

/// Reads a page. Every block of a shell must be followed by what it prints, and every program must be run by one.
pub(crate) fn page(text: &str) -> Page {
    let mut page = Page::default();
    let mut commands: Option<Block> = None;
    for block in blocks(text) {
        match (block.language.as_str(), commands.take()) {
            ("sh", None) if is_settings(&block.text) => {
                let names = block.text.lines().filter_map(|line| line.split_once('='));
                page.variables.extend(names.map(|(name, _)| name.to_owned()));
            }
            ("sh", None) => commands = Some(block),
            ("text" | "json", Some(commands)) => {
                let printed = block;
                page.examples.push(Example { commands, printed });
            }
            ("python" | "javascript", None) => {
                let first = block.text.lines().next().unwrap_or_default();
                let named = first.trim_start_matches(['#', '/', ' ']).split(':').next();
                let name = named.filter(|name| name.contains('.') && !name.contains(' '));
                let name = name.unwrap_or_else(|| panic!("line {}: which file is this? `{first}`", block.line));
                page.programs.push((name.to_owned(), block));
            }
            (_, Some(commands)) => panic!("line {}: what does it print?", commands.line),
            (_, None) => {}
        }
    }
    if let Some(commands) = commands {
        panic!("line {}: what does it print?", commands.line);
    }
    for (name, program) in &page.programs {
        let runs = |example: &Example| example.commands.line > program.line && example.commands.text.contains(name);
        assert!(
            page.examples.iter().any(runs),
            "line {}: nothing runs {name}",
            program.line
        );
    }
    page
}

/// The fenced blocks of a page.
pub(crate) fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (line, number) in text.lines().zip(1..) {
        match (line.strip_prefix("```"), open.as_mut()) {
            (Some(language), None) => {
                open = Some(Block {
                    language: language.trim().to_owned(),
                    text: String::new(),
                    line: number,
                });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some(block)) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "the last block has no end: {open:?}");
    blocks
}

/// `NAME=value` in each line: what the reader fills in.
fn is_settings(text: &str) -> bool {
    let name = |line: &str| line.split_once('=').map(|(name, _)| name.to_owned());
    let is_setting = |line: &str| {
        name(line).is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_uppercase())) && !line.contains("$(")
    };
    text.lines().all(is_setting)
}

impl Page {
    /// Pastes its examples into one shell, one after the other, in a folder with the programs, and gives what each printed.
    /// `kakehashi` is on the path, and the variables of the page are set.
    pub(crate) fn paste(&self, folder: &Path, variables: &[(&str, &str)]) -> Vec<String> {
        for name in &self.variables {
            assert!(
                variables.iter().any(|(set, _)| set == name),
                "the page wants {name} set"
            );
        }
        for (name, program) in &self.programs {
            fs::write(folder.join(name), &program.text).unwrap();
        }
        let mut script = String::new();
        for example in &self.examples {
            // What the last command says of itself comes before anything else is done.
            script.push_str(&example.commands.text);
            script.push_str(&format!("printf '%s\\n' \"$?{BETWEEN}\"\n"));
        }
        fs::write(folder.join("pasted.sh"), script).unwrap();
        let programs = Path::new(env!("CARGO_BIN_EXE_kakehashi")).parent().unwrap();
        let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
        let done = Command::new("timeout")
            .args([PATIENCE, "bash", "pasted.sh"])
            .current_dir(folder)
            .env("PATH", path)
            .env_remove("SANO_API_KEY")
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let (printed, said) = (text_of(done.stdout), text_of(done.stderr));
        let mut outputs: Vec<&str> = printed.split(&format!("{BETWEEN}\n")).collect();
        assert_eq!(outputs.pop(), Some(""), "it did not come to its end: {printed}\n{said}");
        assert_eq!(outputs.len(), self.examples.len(), "{printed}\n{said}");
        let outputs = outputs.iter().zip(&self.examples).map(|(output, example)| {
            let output = output
                .strip_suffix('0')
                .unwrap_or_else(|| panic!("line {}: it failed: {output}\n{said}", example.commands.line));
            output.to_owned()
        });
        outputs.collect()
    }

    /// Compares what the examples have printed with what the page says.
    pub(crate) fn compare(&self, printed: &[String]) {
        for (example, printed) in self.examples.iter().zip(printed) {
            let said = &example.printed;
            assert!(
                is_as_said(printed, &said.text),
                "line {}: the page says\n{}\nand it printed\n{printed}",
                said.line,
                said.text
            );
        }
    }
}

/// Whether a text is what a page says, where `...` stands for anything, and spaces outside of quotation marks do not count.
pub(crate) fn is_as_said(printed: &str, said: &str) -> bool {
    let printed = without_spaces(printed);
    let said = without_spaces(said);
    let mut parts = said.split("...");
    let Some(mut rest) = printed.strip_prefix(parts.next().unwrap_or_default()) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = rest.get(at + part.len()..).unwrap(),
            None => return false,
        }
    }
    rest.ends_with(last)
}

fn without_spaces(text: &str) -> String {
    let mut quoted = false;
    let mut escaped = false;
    let keep = |character: &char| {
        if escaped {
            escaped = false;
        } else if *character == '\\' {
            escaped = quoted;
        } else if *character == '"' {
            quoted = !quoted;
        }
        quoted || !character.is_whitespace()
    };
    text.chars().filter(keep).collect()
}

fn text_of(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}
