//! Runs one hot path for callgrind to count: `counts <name>`; without a name, lists those that are counted.
//! `benches/counts` starts it, and compares.

#![allow(clippy::print_stdout, reason = "the list is what this program is for")]

use std::process::ExitCode;

use kakehashi_benches::hot_paths::{self, Failure, HotPath};
use kakehashi_benches::planning;

/// Times that each is run while instructions are counted. Hash tables are seeded anew in every process, and what
/// one run costs depends on it a little; the mean of several depends on it less.
const RUNS: usize = 5;

fn main() -> ExitCode {
    let mut paths = match counted_or_not() {
        Ok(paths) => paths,
        Err(failure) => {
            println!("failed: {failure}");
            return ExitCode::FAILURE;
        }
    };
    let Some(name) = std::env::args().nth(1) else {
        for path in paths.iter().filter(|path| path.counted) {
            println!("{}", path.name);
        }
        return ExitCode::SUCCESS;
    };
    let Some(path) = paths.iter_mut().find(|path| path.name == name) else {
        println!("no hot path is called `{name}`");
        return ExitCode::FAILURE;
    };
    // Once before: what is made at the first use and kept is not counted.
    (path.run)();
    counted_region(path);
    ExitCode::SUCCESS
}

/// What may be counted: what reads spend their time on, and what each question costs before a source is asked.
fn counted_or_not() -> Result<Vec<HotPath>, Failure> {
    let mut paths = hot_paths::all()?;
    paths.push(planning::asking()?);
    Ok(paths)
}

/// callgrind counts while this function runs, which it knows by name.
#[inline(never)]
fn counted_region(path: &mut HotPath) {
    for _ in 0..RUNS {
        (path.run)();
    }
}
