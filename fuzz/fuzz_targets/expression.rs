//! Expressions of mappings: no text makes compiling one panic, and no values evaluating it.
#![no_main]

use std::borrow::Cow;

use kakehashi_mapping::expression::{Expression, Held, MAX_VALUE, Sort};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &str, f64, bool)| {
    let (expression, text, number, boolean) = input;
    for wanted in [Sort::Text, Sort::Number, Sort::Boolean, Sort::List] {
        let Ok(compiled) = Expression::compile(expression, wanted) else {
            continue;
        };
        let text = || Held::Text(Cow::Borrowed(text));
        let list = Held::List(vec![text(), Held::Null, Held::Number(number)]);
        let values = [text(), list, Held::Number(number), Held::Boolean(boolean), Held::Null];
        if let Ok(Held::Text(made)) = compiled.evaluate(values) {
            assert!(made.len() <= MAX_VALUE);
        }
    }
});
