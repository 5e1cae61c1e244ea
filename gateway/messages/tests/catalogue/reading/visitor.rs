//! Goes through one file.

use std::collections::HashMap;

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Expr, Lit, LitStr};

use super::{Kind, Said, Source, Told};

/// Macros that write to the log, which is English always.
const LOGGING: [&str; 11] = [
    "error",
    "warn",
    "info",
    "debug",
    "trace",
    "event",
    "span",
    "info_span",
    "debug_span",
    "error_span",
    "trace_span",
];

/// Macros whose text only a programmer sees.
const FOR_PROGRAMMERS: [&str; 8] = [
    "assert",
    "assert_eq",
    "assert_ne",
    "debug_assert",
    "debug_assert_eq",
    "debug_assert_ne",
    "unreachable",
    "panic",
];

/// Macros whose first text is a template.
const FORMATTING: [&str; 6] = ["format", "format_args", "write", "writeln", "print", "println"];

/// Members of structures whose text describes the API to programmers, in OpenAPI, which is English.
const DESCRIBING: [&str; 3] = ["meaning", "summary", "description"];

/// Where a finding's message and help stand among the arguments of what reports it.
const REPORTING: [(&str, usize, usize, Option<Kind>); 5] = [
    ("error", 1, 2, Some(Kind::Error)),
    ("warning", 1, 2, Some(Kind::Warning)),
    ("between_tenants", 2, 3, None),
    ("helped_by_others", 2, 3, None),
    ("of_secret", 2, 3, None),
];

pub(super) struct Visitor<'f> {
    file: &'f str,
    pub(super) source: Source,
    /// What the variables of the function may say.
    variables: HashMap<String, Vec<String>>,
}

impl<'f> Visitor<'f> {
    pub(super) fn new(file: &'f str) -> Self {
        Self {
            file,
            source: Source::default(),
            variables: HashMap::new(),
        }
    }

    fn say(&mut self, literal: &LitStr, is_template: bool) {
        let english = as_template(&literal.value(), is_template);
        if is_text(&english) {
            let (file, line) = (self.file.to_owned(), literal.span().start().line);
            self.source.said.push(Said { file, line, english });
        }
    }

    /// The texts in the arguments of a macro.
    fn scan(&mut self, tokens: TokenStream, mut is_template: bool) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut place = 0;
        while let Some(token) = tokens.get(place) {
            place += 1;
            match token {
                TokenTree::Literal(literal) => {
                    if let Ok(Lit::Str(text)) = syn::parse_str::<Lit>(&literal.to_string()) {
                        let english = as_template(&text.value(), is_template);
                        is_template = false;
                        if is_text(&english) {
                            let (file, line) = (self.file.to_owned(), literal.span().start().line);
                            self.source.said.push(Said { file, line, english });
                        }
                    }
                }
                TokenTree::Ident(name) => {
                    let is_call = matches!(tokens.get(place), Some(TokenTree::Punct(mark)) if mark.as_char() == '!');
                    if let (true, Some(TokenTree::Group(group))) = (is_call, tokens.get(place + 1)) {
                        self.scan_macro(&name.to_string(), group.stream());
                        place += 2;
                    }
                }
                TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket && is_attribute(&tokens, place) => {}
                TokenTree::Group(group) => self.scan(group.stream(), false),
                TokenTree::Punct(_) => {}
            }
        }
    }

    fn scan_macro(&mut self, name: &str, tokens: TokenStream) {
        if !LOGGING.contains(&name) && !FOR_PROGRAMMERS.contains(&name) {
            self.scan(tokens, FORMATTING.contains(&name));
        }
    }

    /// What an expression may say.
    fn texts_of(&self, expression: &Expr) -> Vec<String> {
        let mut inside = Visitor::new(self.file);
        inside.variables.clone_from(&self.variables);
        inside.visit_expr(expression);
        let mut texts: Vec<String> = inside.source.said.into_iter().map(|said| said.english).collect();
        if texts.is_empty() {
            let mut names = Names(Vec::new());
            names.visit_expr(expression);
            let known = names.0.iter().filter_map(|name| self.variables.get(name));
            texts.extend(known.flatten().cloned());
        }
        texts
    }

    fn report(&mut self, name: &str, line: usize, arguments: &[&Expr]) {
        let Some((_, message, help, kind)) = REPORTING.iter().find(|(known, ..)| *known == name) else {
            return;
        };
        let (Some(message), Some(help)) = (arguments.get(*message), arguments.get(*help)) else {
            return;
        };
        let is_warning = arguments.iter().any(|argument| is_path(argument, "Warning"));
        let kind = kind.unwrap_or(if is_warning { Kind::Warning } else { Kind::Error });
        let messages = self.texts_of(message);
        let help = (!is_path(help, "None")).then(|| self.texts_of(help));
        self.tell(kind, line, messages, help);
    }

    fn tell(&mut self, kind: Kind, line: usize, messages: Vec<String>, help: Option<Vec<String>>) {
        let file = self.file.to_owned();
        self.source.told.push(Told {
            file,
            line,
            kind,
            messages,
            help,
        });
    }

    /// What `--help` says of a command or an option.
    fn describe(&mut self, attributes: &[Attribute]) {
        if !self.file.starts_with("gateway/src/command/") {
            return;
        }
        let mut lines = Vec::new();
        let mut line = 0;
        for attribute in attributes {
            if let syn::Meta::NameValue(pair) = &attribute.meta
                && attribute.path().is_ident("doc")
                && let Expr::Lit(syn::ExprLit {
                    lit: Lit::Str(text), ..
                }) = &pair.value
            {
                line = if line == 0 { text.span().start().line } else { line };
                lines.push(text.value().trim().to_owned());
            }
        }
        let text = lines.join(" ");
        let english = as_template(text.strip_suffix('.').unwrap_or(&text), false);
        if is_text(&english) {
            let file = self.file.to_owned();
            self.source.said.push(Said { file, line, english });
        }
    }
}

impl<'ast> Visit<'ast> for Visitor<'_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        use syn::Item;
        let attributes = match item {
            Item::Mod(item) => &item.attrs,
            Item::Fn(item) => &item.attrs,
            Item::Impl(item) => &item.attrs,
            Item::Const(item) => &item.attrs,
            Item::Static(item) => &item.attrs,
            Item::Struct(item) => &item.attrs,
            Item::Enum(item) => &item.attrs,
            Item::Trait(item) => &item.attrs,
            _ => return visit::visit_item(self, item),
        };
        if !is_of_tests(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        let outer = std::mem::take(&mut self.variables);
        visit::visit_item_fn(self, item);
        self.variables = outer;
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if is_of_tests(&item.attrs) {
            return;
        }
        let outer = std::mem::take(&mut self.variables);
        visit::visit_impl_item_fn(self, item);
        self.variables = outer;
    }

    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        if is_of_command_line(&item.attrs) {
            self.describe(&item.attrs);
            item.fields.iter().for_each(|field| self.describe(&field.attrs));
        }
        visit::visit_item_struct(self, item);
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        if is_of_command_line(&item.attrs) {
            for variant in &item.variants {
                self.describe(&variant.attrs);
                variant.fields.iter().for_each(|field| self.describe(&field.attrs));
            }
        }
        visit::visit_item_enum(self, item);
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if attribute.path().is_ident("error")
            && let syn::Meta::List(list) = &attribute.meta
        {
            let before = self.source.said.len();
            self.scan(list.tokens.clone(), true);
            let said = self.source.said.get(before..).unwrap_or_default().to_vec();
            if let Some(first) = said.first() {
                let messages = said.iter().map(|said| said.english.clone()).collect();
                self.tell(Kind::Cause, first.line, messages, None);
            }
        }
    }

    fn visit_local(&mut self, local: &'ast syn::Local) {
        visit::visit_local(self, local);
        if let (syn::Pat::Ident(name), Some(init)) = (&local.pat, &local.init) {
            let texts = self.texts_of(&init.expr);
            if !texts.is_empty() {
                self.variables.insert(name.ident.to_string(), texts);
            }
        }
    }

    fn visit_expr_lit(&mut self, expression: &'ast syn::ExprLit) {
        if let Lit::Str(text) = &expression.lit {
            self.say(text, false);
        }
    }

    fn visit_pat(&mut self, _: &'ast syn::Pat) {}

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        let name = call.path.segments.last().map(|segment| segment.ident.to_string());
        self.scan_macro(&name.unwrap_or_default(), call.tokens.clone());
    }

    fn visit_field_value(&mut self, field: &'ast syn::FieldValue) {
        let is_described =
            matches!(&field.member, syn::Member::Named(name) if DESCRIBING.iter().any(|known| name == known));
        if !is_described {
            visit::visit_field_value(self, field);
        }
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        let name = call.method.to_string();
        if name == "expect" {
            return self.visit_expr(&call.receiver);
        }
        visit::visit_expr_method_call(self, call);
        let arguments: Vec<&Expr> = call.args.iter().collect();
        self.report(&name, call.method.span().start().line, &arguments);
    }

    fn visit_expr_call(&mut self, call: &'ast syn::ExprCall) {
        visit::visit_expr_call(self, call);
        let Expr::Path(path) = &*call.func else { return };
        let names: Vec<String> = path
            .path
            .segments
            .iter()
            .map(|segment| segment.ident.to_string())
            .collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let line = path
            .path
            .segments
            .first()
            .map_or(0, |segment| segment.ident.span().start().line);
        let of = |place: usize| {
            call.args
                .get(place)
                .map(|argument| self.texts_of(argument))
                .unwrap_or_default()
        };
        match names.as_slice() {
            ["Diagnostics", "error"] => {
                let help = call
                    .args
                    .get(1)
                    .filter(|help| !is_path(help, "None"))
                    .map(|help| self.texts_of(help));
                self.tell(Kind::Error, line, of(0), help);
            }
            ["Problem" | "AdminProblem", "new"] => self.tell(Kind::Problem, line, of(1), None),
            ["Problem", "later" | "later_as_said"] => self.tell(Kind::Problem, line, of(0), None),
            ["Problem", "parameter" | "member"] => self.tell(Kind::Problem, line, of(2), None),
            ["Failure", "Other" | "other"] => self.tell(Kind::Command, line, of(0), None),
            _ => {}
        }
    }
}

/// The variables that an expression names.
struct Names(Vec<String>);

impl<'ast> Visit<'ast> for Names {
    fn visit_expr_path(&mut self, path: &'ast syn::ExprPath) {
        if let Some(name) = path.path.get_ident() {
            self.0.push(name.to_string());
        }
    }
}

fn is_path(expression: &Expr, name: &str) -> bool {
    matches!(expression, Expr::Path(path) if path.path.segments.last().is_some_and(|segment| segment.ident == name))
}

fn is_of_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let of_tests = |list: &syn::MetaList| {
            let tokens = list.tokens.to_string();
            tokens == "test" || tokens.starts_with("any (test") || tokens.starts_with("all (test")
        };
        attribute.path().is_ident("test")
            || matches!(&attribute.meta, syn::Meta::List(list) if list.path.is_ident("cfg") && of_tests(list))
    })
}

fn is_of_command_line(attributes: &[Attribute]) -> bool {
    let is_derived = |attribute: &Attribute| match &attribute.meta {
        syn::Meta::List(list) if list.path.is_ident("derive") => {
            let derived = list.tokens.to_string();
            ["Parser", "Args", "Subcommand"]
                .iter()
                .any(|name| derived.contains(name))
        }
        _ => false,
    };
    attributes.iter().any(is_derived)
}

/// Whether the group before a place is `#[...]`.
fn is_attribute(tokens: &[TokenTree], place: usize) -> bool {
    let before = place.checked_sub(2).and_then(|place| tokens.get(place));
    matches!(before, Some(TokenTree::Punct(mark)) if mark.as_char() == '#')
}

fn as_template(text: &str, is_template: bool) -> String {
    match is_template {
        true => text.to_owned(),
        false => text.replace('{', "{{").replace('}', "}}"),
    }
}

/// Whether a string is a text for people: it has two words, or beside a gap so many letters that it can be told from others.
fn is_text(english: &str) -> bool {
    let mut words = String::new();
    let mut depth = 0_usize;
    for character in english.chars() {
        match character {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ if depth == 0 => words.push(character),
            _ => {}
        }
    }
    let letters_of = |text: &str| text.chars().filter(char::is_ascii_alphabetic).count();
    if english.replace("{{", "").contains('{') && words.contains(' ') {
        return letters_of(&words) >= 4;
    }
    // "a text" and "a number" are said of values, in the gap of another text.
    let is_thing = words
        .strip_prefix("a ")
        .or_else(|| words.strip_prefix("an "))
        .is_some_and(|thing| letters_of(thing) >= 2);
    is_thing || words.split_whitespace().filter(|word| letters_of(word) >= 2).count() >= 2
}
