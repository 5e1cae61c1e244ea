//! `kakehashi undo`: the rollback of the admin API in one word.

use std::path::PathBuf;

use clap::Args;
use http::{Method, StatusCode};
use jiff::Timestamp;
use kakehashi_config::today_in_japan;
use serde_json::{Value, json};

use super::admin_api::{AdminApi, Answer};
use super::keys_again::{KeyAgain, keys_again};
use super::{Failure, output, runtime};

const HISTORY: &str = "/admin/v1/revision/history";
const FILES: &str = "/admin/v1/revision/files";
const DIFF: &str = "/admin/v1/diff";
const ROLL_BACK: &str = "/admin/v1/revision/rollback";

/// Digits of a revision that are shown: enough to tell fifty apart.
const SHOWN_DIGITS: usize = 12;

/// The hours that clocks in Japan are ahead.
const JAPAN: i8 = 9;

/// Changes of who sees what that are told. More are counted.
const MOST_TOLD: usize = 8;

/// Keys that are told. Each is a reason not to do it; after so many nobody reads on. More are counted.
const MOST_KEYS: usize = 50;

/// Names that one line tells. More are counted.
const MOST_NAMES: usize = 6;

/// Take back the latest change of the configuration of a gateway that runs.
#[derive(Debug, Args)]
pub(super) struct Undo {
    /// The tenants, of which no more is read than where the gateway listens.
    #[arg(long, default_value = "tenants.toml")]
    config: PathBuf,
    /// Where the gateway's admin API is, if not at `admin_listen` of the configuration.
    #[arg(long)]
    admin: Option<String>,
    /// Go back to this revision instead: the beginning of its id.
    #[arg(long)]
    to: Option<String>,
    /// Say what would be done, and do nothing.
    #[arg(long)]
    dry_run: bool,
    /// Put what runs in the place of edits of the files that do not hold, because they were refused; with --to, go back over
    /// them.
    #[arg(long)]
    discard_edits: bool,
    /// Do it although keys become valid again that were taken out since or have expired.
    #[arg(long)]
    yes: bool,
}

/// A revision of the history.
struct Past<'a> {
    id: &'a str,
    member: &'a Value,
}

impl Undo {
    pub(super) fn run(self) -> Result<(), Failure> {
        let api = AdminApi::of(&self.config, self.admin.as_deref())?;
        runtime()?.block_on(self.undo(&api))
    }

    async fn undo(&self, api: &AdminApi) -> Result<(), Failure> {
        let history = api.ask(Method::GET, HISTORY, None, None).await?;
        let history = history.ok().map_err(|answer| refused(&answer))?;
        let running = history.get("running").and_then(Value::as_str).unwrap_or_default();
        let all = history.get("revisions").and_then(Value::as_array);
        let all: Vec<Past<'_>> = all.into_iter().flatten().filter_map(Past::of).collect();
        let (position, target) = self.target(&all)?;
        // What runs may have come of what others changed: then it is none of a tenant's administrator's history, whose
        // first is as what runs.
        let latest = all.first().unwrap_or(target);
        let is_as_it_runs = target.id == latest.id;
        if is_as_it_runs && !self.discard_edits {
            return Err(Failure::Other(format!("{} runs already", target.short())));
        }
        output::line(format_args!("at {}", api.base()));
        let mut again = Vec::new();
        if is_as_it_runs {
            output::line(format_args!("to what runs: {}", target.in_words()));
        } else {
            output::line(format_args!("from  {}", latest.in_words()));
            output::line(format_args!("to    {}", target.in_words()));
            let files = changed_since(&all, position);
            if !files.is_empty() {
                output::line(format_args!("files {}", some_of(&files)));
            }
            self.tell_difference(api, target).await?;
            again = Self::keys_again(api, target).await?;
            tell_keys(&again);
        }
        if self.dry_run {
            self.roll_back(api, running, target).await?;
            output::line(match again.is_empty() || self.yes {
                true => "nothing was changed: without --dry-run it is done",
                false => "nothing was changed: without --dry-run and with --yes it is done",
            });
            return Ok(());
        }
        if !again.is_empty() && !self.yes {
            return Err(Failure::Other(
                "nothing was changed: whoever has these keys could call again. If none of them has leaked, type the same with \
                 --yes: `kakehashi undo --yes`; else take what is to be undone back in the files"
                    .to_owned(),
            ));
        }
        let done = self.roll_back(api, running, target).await?;
        let now = done.get("revision").and_then(Value::as_str).unwrap_or(target.id);
        output::line(format_args!("done: {} runs and is on the disk", short(now)));
        if is_as_it_runs {
            return Ok(());
        }
        output::line(format_args!(
            "to take this back: kakehashi undo, or at any time kakehashi undo --to {}",
            latest.short()
        ));
        Ok(())
    }

    /// Goes back, or finds out whether that would be refused.
    async fn roll_back(&self, api: &AdminApi, running: &str, target: &Past<'_>) -> Result<Value, Failure> {
        let parameters = format!("dry-run={}&discard-edits={}", self.dry_run, self.discard_edits);
        let body = json!({ "revision": target.id });
        let path = format!("{ROLL_BACK}?{parameters}");
        let answer = api.ask(Method::POST, &path, Some(running), Some(&body)).await?;
        let done = answer.ok().map_err(|answer| refused(&answer))?;
        let says_no = |member: &str| done.get(member).and_then(Value::as_bool) == Some(false);
        let why = match (says_no("mayApply"), says_no("accepted")) {
            (true, _) => "an auditor sees everything and changes nothing",
            (false, true) => "that revision would be refused as things are now",
            (false, false) => return Ok(done),
        };
        let found = done.get("diagnostics").cloned().unwrap_or_default();
        Err(refused(&Answer {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            body: json!({ "detail": why, "diagnostics": found }),
        }))
    }

    /// The keys that become valid again.
    async fn keys_again(api: &AdminApi, target: &Past<'_>) -> Result<Vec<KeyAgain>, Failure> {
        let of_target = format!("{FILES}?revision={}", target.id);
        let mut texts = Vec::new();
        for path in [FILES, &of_target] {
            let shown = api.ask(Method::GET, path, None, None).await?;
            let shown = shown.ok().map_err(|answer| refused(&answer))?;
            let text = shown.pointer("/files/tenants.toml").and_then(Value::as_str);
            texts.push(text.unwrap_or_default().to_owned());
        }
        Ok(match texts.as_slice() {
            [running, target] => keys_again(running, target, today_in_japan()),
            _ => Vec::new(),
        })
    }

    /// The revision to go back to, and its place in the history.
    fn target<'a, 'v>(&self, all: &'a [Past<'v>]) -> Result<(usize, &'a Past<'v>), Failure> {
        let Some(wanted) = &self.to else {
            if self.discard_edits
                && let Some(runs) = all.first()
            {
                return Ok((0, runs));
            }
            return all.get(1).map(|past| (1, past)).ok_or_else(|| {
                Failure::Other(
                    "there is nothing to undo: of what you may change only what runs is remembered. The history begins when a \
                     gateway first runs with this `[gateway] state`; older states are in your version control"
                        .to_owned(),
                )
            });
        };
        let mut fitting = all
            .iter()
            .enumerate()
            .filter(|(_, past)| past.id.starts_with(wanted.as_str()));
        let Some(found) = fitting.next() else {
            let known: Vec<String> = all.iter().map(Past::in_words).collect();
            return Err(Failure::Other(format!(
                "no revision that is remembered begins with `{wanted}`; these are:\n  {}",
                known.join("\n  ")
            )));
        };
        if fitting.any(|(_, other)| other.id != found.1.id) {
            return Err(Failure::Other(format!(
                "several revisions begin with `{wanted}`: write more of its id"
            )));
        }
        Ok(found)
    }

    /// Says who gains and who loses what.
    async fn tell_difference(&self, api: &AdminApi, target: &Past<'_>) -> Result<(), Failure> {
        let body = json!({ "revision": target.id });
        let answer = api.ask(Method::POST, DIFF, None, Some(&body)).await?;
        if answer.status == StatusCode::FORBIDDEN || answer.status == StatusCode::UNPROCESSABLE_ENTITY {
            return Err(refused(&answer));
        }
        match answer.ok() {
            Ok(difference) => difference_in_words(&difference).iter().for_each(output::line),
            Err(answer) => output::line(format_args!(
                "who sees what otherwise could not be found out: {}",
                answer.told()
            )),
        }
        Ok(())
    }
}

fn tell_keys(again: &[KeyAgain]) {
    for key in again.iter().take(MOST_KEYS) {
        output::line(key.in_words());
    }
    let more = again.len().saturating_sub(MOST_KEYS);
    if more > 0 {
        output::line(format_args!("      and {more} more"));
    }
}

/// Why the gateway does not do it.
fn refused(answer: &Answer) -> Failure {
    let told = answer.told();
    let is_of_edits = answer.status == StatusCode::CONFLICT && told.contains("discard-edits");
    let help = if is_of_edits {
        "\nkakehashi undo --discard-edits puts what runs in their place; then undo again"
    } else {
        ""
    };
    Failure::Other(format!("nothing was changed: {told}{help}"))
}

/// Who gains and who loses, in few lines.
fn difference_in_words(difference: &Value) -> Vec<String> {
    let list = |value: &Value, name: &str| value.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let texts = |values: &[Value]| -> Vec<String> {
        let texts = values.iter().filter_map(Value::as_str);
        texts.map(str::to_owned).collect()
    };
    let names = |value: Option<&Value>| {
        let names = value.map(|names| texts(&list(names, "names"))).unwrap_or_default();
        some_of(&names)
    };
    let changes = list(difference, "changes").into_iter().map(|change| {
        let (gained, lost) = (list(&change, "gained"), list(&change, "lost"));
        let is_one = change.get("consumers").is_some_and(|who| list(who, "names").len() == 1);
        let does = match (gained.is_empty(), lost.is_empty(), is_one) {
            (false, false, false) => "gain and lose something of",
            (false, true, false) => "gain something of",
            (true, _, false) => "lose something of",
            (false, false, true) => "gains and loses something of",
            (false, true, true) => "gains something of",
            (true, _, true) => "loses something of",
        };
        format!(
            "      {} {does} {} of {}",
            names(change.get("consumers")),
            some_of(&texts(&list(&change, "types"))),
            names(change.get("tenants")),
        )
    });
    let otherwise = list(difference, "otherwise").into_iter();
    let otherwise = otherwise.filter_map(|line| Some(format!("      {}", line.as_str()?)));
    let mut told: Vec<String> = changes.chain(otherwise).collect();
    if told.is_empty() {
        return vec!["      no grant changes".to_owned()];
    }
    let left_out = difference.get("leftOut").and_then(Value::as_u64).unwrap_or_default();
    let more = told.len().saturating_sub(MOST_TOLD) + usize::try_from(left_out).unwrap_or_default();
    told.truncate(MOST_TOLD);
    if more > 0 {
        told.push(format!("      and {more} more"));
    }
    told
}

/// The files that were changed since a place in the history, whose latest comes first.
fn changed_since(all: &[Past<'_>], position: usize) -> Vec<String> {
    let later = all.iter().take(position);
    let files = later.filter_map(|past| past.member.get("changed").and_then(Value::as_array));
    let mut files: Vec<String> = files.flatten().filter_map(Value::as_str).map(str::to_owned).collect();
    files.sort();
    files.dedup();
    files
}

fn some_of(names: &[String]) -> String {
    let shown: Vec<&str> = names.iter().take(MOST_NAMES).map(String::as_str).collect();
    match names.len().saturating_sub(shown.len()) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

fn short(id: &str) -> &str {
    id.get(..SHOWN_DIGITS).unwrap_or(id)
}

impl<'a> Past<'a> {
    fn of(member: &'a Value) -> Option<Self> {
        Some(Self {
            id: member.get("revision")?.as_str()?,
            member,
        })
    }

    fn short(&self) -> &str {
        short(self.id)
    }

    /// Which, since when, why and by whom.
    fn in_words(&self) -> String {
        let text = |name: &str| self.member.get(name).and_then(Value::as_str);
        let by = text("administrator").unwrap_or("an administrator");
        let why = match text("cause") {
            Some("start") => "as the gateway started".to_owned(),
            Some("apply") => format!("applied by {by}"),
            Some("roll-back") => format!("gone back to by {by}"),
            Some("signal") => "by SIGHUP".to_owned(),
            _ => "by an edit of the files".to_owned(),
        };
        format!(
            "{}, since {}, {why}",
            self.short(),
            time_in_words(text("at").unwrap_or("?"))
        )
    }
}

/// A time as clocks in Japan show it.
fn time_in_words(at: &str) -> String {
    let Ok(at) = at.parse::<Timestamp>() else {
        return at.to_owned();
    };
    let there = jiff::tz::offset(JAPAN).to_datetime(at);
    there.strftime("%Y-%m-%d %H:%M:%S +09:00").to_string()
}
