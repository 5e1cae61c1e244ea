//! How large a regular expression is when what it repeats is written out: in so many states a matcher may be at once.

use regex_syntax::ast::{Ast, RepetitionKind, RepetitionRange};

/// How many characters, classes and anchors it is written out.
pub(in crate::query) fn of(ast: &Ast) -> usize {
    match ast {
        Ast::Empty(_) | Ast::Flags(_) => 0,
        Ast::Literal(_)
        | Ast::Dot(_)
        | Ast::Assertion(_)
        | Ast::ClassUnicode(_)
        | Ast::ClassPerl(_)
        | Ast::ClassBracketed(_) => 1,
        Ast::Repetition(repetition) => {
            let times = match &repetition.op.kind {
                RepetitionKind::ZeroOrOne | RepetitionKind::ZeroOrMore | RepetitionKind::OneOrMore => 1,
                RepetitionKind::Range(
                    RepetitionRange::Exactly(times)
                    | RepetitionRange::AtLeast(times)
                    | RepetitionRange::Bounded(_, times),
                ) => usize::try_from(*times).unwrap_or(usize::MAX).max(1),
            };
            of(&repetition.ast).saturating_mul(times)
        }
        Ast::Group(group) => of(&group.ast),
        Ast::Alternation(alternation) => sum(&alternation.asts),
        Ast::Concat(concat) => sum(&concat.asts),
    }
}

fn sum(parts: &[Ast]) -> usize {
    parts.iter().map(of).fold(0, usize::saturating_add)
}

/// The same of a text; 0 where it is no regular expression.
pub(in crate::query) fn of_text(pattern: &str) -> usize {
    regex_syntax::ast::parse::Parser::new()
        .parse(pattern)
        .map_or(0, |ast| of(&ast))
}
