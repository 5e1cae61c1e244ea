//! Scopes of the view as service paths: where an entity stands in the source is its scope, so that a `scopeQ` narrows the
//! paths that are asked for.
//!
//! An entity stands in one path, so of several scopes that it must have at once any one narrows rightly.

use ngsi_ld::query::{ScopePattern, ScopeQuery};

use super::MAX_SERVICE_PATHS;

/// A path, and perhaps everything below it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Paths<'t> {
    steps: Vec<&'t str>,
    and_below: bool,
}

/// The service paths that may hold entities of these scopes, of those that are configured: none at all, perhaps. `None`:
/// there would be too many to name.
pub(super) fn within(configured: &str, scope: &ScopeQuery) -> Option<Vec<String>> {
    let configured: Vec<Paths<'_>> = configured.split(',').map(|path| Paths::read(path.trim())).collect();
    let mut narrowed: Vec<Paths<'_>> = Vec::new();
    for wanted in scope.alternatives().iter().filter_map(|all| Paths::of_any(all)) {
        for own in &configured {
            if let Some(common) = own.common(&wanted)
                && !narrowed.contains(&common)
            {
                narrowed.push(common);
            }
        }
    }
    (narrowed.len() <= MAX_SERVICE_PATHS).then(|| narrowed.iter().map(Paths::written).collect())
}

impl<'t> Paths<'t> {
    /// Reads a service path as it is configured.
    fn read(path: &'t str) -> Self {
        let (path, and_below) = path.strip_suffix('#').map_or((path, false), |path| (path, true));
        let steps = path.split('/').filter(|step| !step.is_empty());
        Self {
            steps: steps.collect(),
            and_below,
        }
    }

    /// The paths of entities that have one of these scopes. `None`: there is one among them that no path can be, so that no
    /// entity has them all.
    fn of_any(all: &'t [ScopePattern]) -> Option<Self> {
        let each: Option<Vec<Self>> = all.iter().map(Self::of).collect();
        // The one that says most.
        each?
            .into_iter()
            .max_by_key(|paths| (paths.steps.len(), !paths.and_below))
    }

    /// The paths of a scope, up to the first level that may be any.
    fn of(pattern: &'t ScopePattern) -> Option<Self> {
        let steps: Vec<&str> = pattern.levels.iter().map_while(|level| level.as_deref()).collect();
        let is_step = |step: &&str| step.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        steps.iter().all(is_step).then_some(Self {
            and_below: pattern.and_below || steps.len() < pattern.levels.len(),
            steps,
        })
    }

    /// What is below both.
    fn common(&self, other: &Self) -> Option<Self> {
        let (short, long) = if self.steps.len() <= other.steps.len() {
            (self, other)
        } else {
            (other, self)
        };
        if !long.steps.starts_with(&short.steps) {
            return None;
        }
        let is_same = short.steps.len() == long.steps.len();
        (is_same || short.and_below).then(|| Self {
            steps: long.steps.clone(),
            and_below: long.and_below && (!is_same || short.and_below),
        })
    }

    fn written(&self) -> String {
        let mut path = String::from("/");
        path.push_str(&self.steps.join("/"));
        if self.and_below {
            path.push_str(if self.steps.is_empty() { "#" } else { "/#" });
        }
        path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(configured: &str, scope: &str) -> Option<String> {
        within(configured, &ScopeQuery::parse(scope).unwrap()).map(|paths| paths.join(","))
    }

    #[test]
    fn a_scope_is_a_path_and_what_is_below_it() {
        for (scope, paths) in [
            ("/north", "/north"),
            ("/north/#", "/north/#"),
            ("/north/+", "/north/#"),
            ("/+/station", "/#"),
            ("/#", "/#"),
            ("/north,/south/a", "/north,/south/a"),
            ("(/north/#;/north/a)", "/north/a"),
            ("/佐野", ""),
            ("(/north;/佐野)|/south", "/south"),
        ] {
            assert_eq!(sent("/#", scope).as_deref(), Some(paths), "{scope}");
        }
    }

    #[test]
    fn no_other_paths_are_asked_for_than_are_configured() {
        for (configured, scope, paths) in [
            ("/north", "/#", "/north"),
            ("/north,/south/#", "/+/a", "/north,/south/#"),
            ("/north,/south/#", "/south/a/#", "/south/a/#"),
            ("/north/#", "/south", ""),
            ("/north", "/north/#", "/north"),
            ("/north/a", "/north/#", "/north/a"),
            ("/", "/#", "/"),
        ] {
            assert_eq!(sent(configured, scope).as_deref(), Some(paths), "{configured} {scope}");
        }
    }

    #[test]
    fn more_paths_than_orion_takes_are_not_named() {
        let scopes: Vec<String> = (0..=MAX_SERVICE_PATHS).map(|number| format!("/a{number}")).collect();
        assert_eq!(sent("/#", &scopes.join(",")), None);
    }
}
