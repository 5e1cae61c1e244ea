//! Every error and warning says what to do: in its help, or in its own sentence.

use super::reading::{Kind, SOURCE, by_english};

/// Words by which a message itself says what to do, or what would be right.
const ADVISING: [&str; 14] = [
    ": write ",
    ": run ",
    ": ask ",
    ": keep one",
    ": leave ",
    ": use ",
    ": add ",
    ": every ",
    "; ",
    "must ",
    "may only",
    "expected ",
    "did you mean",
    " of both",
];

/// Messages whose gap says it: what stands there is a message of its own.
const SAID_IN_A_GAP: [&str; 5] = ["{reason}", "{error}", "{problem}", "{message}", "{kind}"];

#[test]
fn every_error_and_warning_says_what_to_do() {
    let mut without = Vec::new();
    for told in &SOURCE.told {
        if !matches!(told.kind, Kind::Error | Kind::Warning) || told.help.is_some() {
            continue;
        }
        for message in &told.messages {
            let has = |words: &&str| message.contains(*words);
            let is_evident = SELF_EVIDENT.iter().any(|(known, _)| known == message);
            if !ADVISING.iter().any(&has) && !SAID_IN_A_GAP.iter().any(has) && !is_evident {
                let place = format!("{}:{}", told.file, told.line);
                without.push(format!(
                    "{place}: {message:?} says nothing of what to do: give it a help"
                ));
            }
        }
    }
    assert!(without.is_empty(), "{}", without.join("\n"));
}

#[test]
fn no_exception_is_of_a_message_that_is_gone() {
    let known = by_english();
    let gone: Vec<&str> = SELF_EVIDENT
        .map(|(message, _)| message)
        .into_iter()
        .filter(|message| !known.contains_key(message))
        .collect();
    assert!(gone.is_empty(), "{gone:?}");
}

/// Messages that need no more, and why.
const SELF_EVIDENT: [(&str, &str); 32] = [
    (
        "@attributes names `{short}`, which is personal and never granted",
        "nothing can be done: it is never granted; take the name out",
    ),
    (
        "sources `{}` and `{}` ask the same endpoint",
        "names both that must differ",
    ),
    (
        "the anonymous consumer has no {what}: it is who presents none",
        "the key does nothing there: take it out",
    ),
    (
        "{} has more than {MOST_PURPOSES} purposes",
        "names the bound: fewer of them",
    ),
    (
        "`origins` in {} has more than {MOST_ORIGINS}",
        "names the bound: fewer of them",
    ),
    (
        "`{key}` in {} has more than {MOST_HEADERS}",
        "names the bound: fewer of them",
    ),
    (
        "`value` in {title} belongs to `header` or `query`",
        "the key does nothing there: take it out",
    ),
    (
        "a key is given for the unknown consumer `{consumer}`",
        "names what there is not: write it, or take its name out",
    ),
    (
        "an endpoint is given for the unknown source `{id}`",
        "names what there is not: write it, or take its name out",
    ),
    (
        "not a text, a number, true, false or a list of texts",
        "lists what is read",
    ),
    (
        "`listen` and `admin_listen` are the same address: administrators are never exposed to consumers",
        "names both that must differ",
    ),
    (
        "`algorithms` in {} is empty: no token could be valid",
        "names what is missing or too much: fill it, or take one out",
    ),
    (
        "{} provides nothing and will never be asked",
        "names the source that needs `provides`",
    ),
    (
        "{} says the same twice in `provides`",
        "names what is missing or too much: fill it, or take one out",
    ),
    (
        "`partition` in {} belongs to sources with adapter = \"store\"",
        "the key does nothing there: take it out",
    ),
    (
        "`same_system_as` in [tenants.{}.allowed] names `{name}`, which is no source",
        "names what there is not: write it, or take its name out",
    ),
    (
        "{title} is empty",
        "names what is missing or too much: fill it, or take one out",
    ),
    (
        "{title} is one that the running revision does not have: it is not read before somebody applies this",
        "tells what waits for somebody else to apply it",
    ),
    (
        "`poll` has no effect in this version: subscriptions are told of the store alone",
        "the key does nothing there: take it out",
    ),
    (
        "`{key}` in {} has no meaning: a store is a folder",
        "the key does nothing there: take it out",
    ),
    (
        "`{}` in {} belongs to sources with adapter = {}",
        "the key does nothing there: take it out",
    ),
    (
        "a tenant cannot be called `platform`: policies/platform.cedar is the operator's file",
        "names both that must differ",
    ),
    (
        "`tls` in [gateway] names files that the running revision does not have: they are not read before somebody applies this",
        "tells what waits for somebody else to apply it",
    ),
    (
        "`{key}` in {} is empty",
        "names what is missing or too much: fill it, or take one out",
    ),
    (
        "the type `{name}` is classified twice",
        "names what is missing or too much: fill it, or take one out",
    ),
    (
        "the kinds of Cedar entities have no valid names",
        "a fault of the program: nothing of the configuration can mend it",
    ),
    (
        "there is no {}: nothing of `{tenant}` is visible",
        "names what there is not: write it, or take its name out",
    ),
    (
        "the schema does not declare the action \"{name}\"",
        "names what there is not: write it, or take its name out",
    ),
    (
        "@ids names ids of `{}`, which is personal: nobody may write them",
        "nothing can be done: it is never granted; take the name out",
    ),
    (
        "@attributes names `{name}`, which is personal and never granted",
        "nothing can be done: it is never granted; take the name out",
    ),
    ("for policy `{}`, ", "begins what Cedar says"),
    (
        "the files could not be read: a fault of the gateway",
        "a fault of the program: nothing of the configuration can mend it",
    ),
];
