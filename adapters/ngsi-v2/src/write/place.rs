//! In which service path of the source a new entity stands.

use ngsi_ld::Entity;

use super::super::is_service_path;
use super::lost::LostWhole;

/// The path of a new entity: its scope, where paths are scopes; otherwise the first that the source is read in.
///
/// # Errors
/// [`LostWhole::Scope`], when it has a scope that is no path of those that are read: it would not come back.
pub(super) fn of_new(configured: &str, scopes_are_paths: bool, entity: &Entity) -> Result<String, LostWhole> {
    let mut paths = configured.split(',').map(str::trim);
    let path = match entity.scopes.as_slice() {
        [] if !scopes_are_paths => return Ok(first(configured).to_owned()),
        [] => "/",
        [only] if scopes_are_paths && only.len() > 1 && !only.ends_with('/') => only.as_str(),
        _ => return Err(LostWhole::Scope),
    };
    let is_read = is_service_path(path) && !path.ends_with('#') && paths.any(|read| holds(read, path));
    is_read.then(|| path.to_owned()).ok_or(LostWhole::Scope)
}

/// Where an entity stands of which the source does not say it.
pub(super) fn first(configured: &str) -> &str {
    configured.split(',').map(str::trim).next().map_or("/", root_of)
}

/// The path at the root of what is read.
fn root_of(read: &str) -> &str {
    let root = read.strip_suffix('#').unwrap_or(read);
    match root.strip_suffix('/').unwrap_or(root) {
        "" => "/",
        root => root,
    }
}

fn holds(read: &str, path: &str) -> bool {
    let (root, is_tree) = (root_of(read), read.ends_with('#'));
    let below = || path.strip_prefix(if root == "/" { "" } else { root });
    path == root || (is_tree && below().is_some_and(|rest| rest.starts_with('/')))
}

#[cfg(test)]
mod tests {
    use ngsi_ld::context::Context;
    use ngsi_ld::{EntityId, TypeName};

    use super::*;

    fn placed(configured: &str, scopes_are_paths: bool, scopes: &[&str]) -> Result<String, LostWhole> {
        let r#type: TypeName = Context::core().expand_type("Room").unwrap();
        let mut entity = Entity::new(EntityId::parse("urn:a:b").unwrap(), r#type);
        entity.scopes = scopes.iter().map(|scope| (*scope).into()).collect();
        of_new(configured, scopes_are_paths, &entity)
    }

    #[test]
    fn a_new_entity_stands_where_it_is_read_again() {
        assert_eq!(placed("/#", false, &[]).unwrap(), "/");
        assert_eq!(placed("/park/#,/road", false, &[]).unwrap(), "/park");
        assert_eq!(placed("/park", false, &[]).unwrap(), "/park");
        assert_eq!(placed("/#", true, &[]).unwrap(), "/");
        assert_eq!(placed("/#", true, &["/park/west"]).unwrap(), "/park/west");
        assert_eq!(placed("/road,/park/#", true, &["/park/west"]).unwrap(), "/park/west");
    }

    #[test]
    fn what_would_be_read_elsewhere_or_not_at_all_is_refused() {
        for (configured, scopes_are_paths, scopes) in [
            ("/#", false, &["/park"][..]),
            ("/park/#", true, &[]),
            ("/park/#", true, &["/parking"]),
            ("/park", true, &["/park/west"]),
            ("/#", true, &["/a", "/b"]),
            ("/#", true, &["/a-b"]),
            ("/#", true, &["/公園"]),
            ("/#", true, &["/a/#"]),
        ] {
            assert_eq!(
                placed(configured, scopes_are_paths, scopes),
                Err(LostWhole::Scope),
                "{configured} {scopes:?}"
            );
        }
    }
}
