//! Which services and paths of Orion the operator allows a tenant's administrator to name.

use super::EVERY_SERVICE_PATH;

/// Whether a source may be asked for this service; `None`: for none.
pub(super) fn allows_service(allowed: &[String], service: Option<&str>) -> bool {
    let service = service.unwrap_or("");
    allowed.iter().any(|allowed| allowed.eq_ignore_ascii_case(service))
}

/// Whether a source may be asked for these paths: each lies inside of one that is allowed. `None`: for every one.
pub(super) fn allows_service_paths(allowed: &[String], paths: Option<&str>) -> bool {
    let allowed = || allowed.iter().flat_map(|paths| paths.split(','));
    let mut paths = paths.unwrap_or(EVERY_SERVICE_PATH).split(',');
    paths.all(|path| allowed().any(|allowed| lies_inside(path.trim(), allowed)))
}

/// Whether everything below one path of Orion is below another; `/#` at the end means whatever is below.
fn lies_inside(path: &str, allowed: &str) -> bool {
    let (path, asks_below) = taken_apart(path);
    let (allowed, allows_below) = taken_apart(allowed);
    if allows_below {
        path.starts_with(&allowed)
    } else {
        !asks_below && path == allowed
    }
}

fn taken_apart(path: &str) -> (Vec<&str>, bool) {
    let (names, is_below) = match path.strip_suffix('#') {
        Some(names) => (names, true),
        None => (path, false),
    };
    (names.split('/').filter(|name| !name.is_empty()).collect(), is_below)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn paths_of_orion_lie_inside_of_those_that_are_allowed() {
        for (given, path, is_allowed) in [
            (&[][..], "/", false),
            (&["/#"], "/#", true),
            (&["/#"], "/park/west,/office/#", true),
            (&["/park/#"], "/park", true),
            (&["/park/#"], "/park/west/#", true),
            (&["/park/#"], "/parking", false),
            (&["/park/#"], "/#", false),
            (&["/park/#"], "/park, /office", false),
            (&["/park/#", "/office"], "/park, /office/", true),
            (&["/park,/office"], "/office", true),
            (&["/park"], "/park/#", false),
            (&["/park"], "/park/west", false),
            (&["/park"], "/Park", false),
            (&["/"], "/#", false),
        ] {
            assert_eq!(
                allows_service_paths(&texts(given), Some(path)),
                is_allowed,
                "{given:?} {path}"
            );
        }
        assert!(allows_service_paths(&texts(&["/#"]), None));
        assert!(
            !allows_service_paths(&texts(&["/park/#"]), None),
            "without a path all are asked"
        );
    }

    #[test]
    fn services_are_compared_as_orion_compares_them() {
        let allowed = texts(&["sano"]);
        assert!(allows_service(&allowed, Some("Sano")));
        assert!(!allows_service(&allowed, Some("nasushiobara")));
        assert!(!allows_service(&allowed, None));
        let without = texts(&[""]);
        assert!(allows_service(&without, None) && !allows_service(&without, Some("sano")));
        assert!(!allows_service(&[], None));
    }
}
