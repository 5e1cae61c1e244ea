//! `Fiware-Service` and `Fiware-ServicePath`: which data a request is about.

use super::error::OrionError;
use super::names::has_forbidden;

const LONGEST_SERVICE: usize = 50;
const LONGEST_COMPONENT: usize = 50;
const MOST_COMPONENTS: usize = 10;
const MOST_PATHS: usize = 10;

/// The service's name in lower case; empty is the default service.
pub(crate) fn service(header: &str) -> Result<String, OrionError> {
    if header.len() > LONGEST_SERVICE {
        return Err(OrionError::bad_request(
            "bad length - a tenant name can be max 50 characters long",
        ));
    }
    if !header.bytes().all(is_word) {
        return Err(OrionError::bad_request(
            "bad character in tenant name - only underscore and alphanumeric characters are allowed",
        ));
    }
    Ok(header.to_ascii_lowercase())
}

/// The service paths that a request names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServicePaths(Vec<ServicePath>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum ServicePath {
    /// This path alone.
    Exact(String),
    /// This path and everything under it; empty: everything.
    Tree(String),
}

// === impl ServicePaths ===

impl ServicePaths {
    /// For a read: up to ten paths, each may end in `/#`; without a header everything.
    pub(crate) fn for_read(header: Option<&str>) -> Result<Self, OrionError> {
        let header = header.filter(|header| !header.is_empty()).unwrap_or("/#");
        let paths: Vec<&str> = header.split(',').map(str::trim).collect();
        if paths.len() > MOST_PATHS {
            return Err(
                OrionError::bad_request("too many service paths - a maximum of ten service paths is allowed")
                    .with_ok_status(),
            );
        }
        let read = |path: &str| match path.strip_suffix("/#") {
            Some(tree) => Ok(ServicePath::Tree(checked(tree)?)),
            None => Ok(ServicePath::Exact(checked(path)?)),
        };
        Ok(Self(paths.into_iter().map(read).collect::<Result<_, _>>()?))
    }

    /// For a write: one path without `#`; without a header the root.
    pub(crate) fn for_write(header: Option<&str>) -> Result<Self, OrionError> {
        let header = header.filter(|header| !header.is_empty()).unwrap_or("/");
        if header.contains(',') {
            return Err(OrionError::bad_request(
                "more than one service path in context update request",
            ));
        }
        if header.contains('#') {
            return Err(OrionError::bad_request("Bad Character in Service-Path"));
        }
        Ok(Self(vec![ServicePath::Exact(checked(header)?)]))
    }

    /// Whether an entity in this path is meant.
    pub(crate) fn contain(&self, path: &str) -> bool {
        self.0.iter().any(|wanted| match wanted {
            ServicePath::Exact(wanted) => wanted == path,
            ServicePath::Tree(root) => path
                .strip_prefix(root.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
        })
    }

    /// Whether every entity of the service is meant.
    pub(crate) fn are_everything(&self) -> bool {
        self.0
            .iter()
            .any(|path| matches!(path, ServicePath::Tree(root) if root.is_empty()))
    }

    /// Where a new entity goes.
    pub(crate) fn target(&self) -> &str {
        match self.0.first() {
            Some(ServicePath::Exact(path) | ServicePath::Tree(path)) => path,
            None => "/",
        }
    }
}

/// The path without a trailing slash.
fn checked(path: &str) -> Result<String, OrionError> {
    if path.is_empty() || path == "/" {
        return Ok(path.to_owned());
    }
    let Some(relative) = path.strip_prefix('/') else {
        return Err(OrionError::bad_request(
            "Only /absolute/ Service Paths allowed [a service path must begin with /]",
        ));
    };
    let relative = relative.strip_suffix('/').unwrap_or(relative);
    let mut components = 0;
    for component in relative.split('/') {
        components += 1;
        if components > MOST_COMPONENTS {
            return Err(OrionError::bad_request("too many components in ServicePath"));
        }
        if component.len() > LONGEST_COMPONENT {
            return Err(OrionError::bad_request("component-name too long in ServicePath"));
        }
        if component.is_empty() {
            return Err(OrionError::bad_request("empty component in ServicePath"));
        }
        if has_forbidden(component) || !component.bytes().all(is_word) {
            return Err(OrionError::bad_request(
                "a component of ServicePath contains an illegal character",
            ));
        }
    }
    Ok(format!("/{relative}"))
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_holds_its_root_and_what_is_under_it() {
        let city = ServicePaths::for_read(Some("/city/#")).unwrap();
        assert!(city.contain("/city") && city.contain("/city/parks"));
        assert!(!city.contain("/cityhall") && !city.contain("/"));
        let everything = ServicePaths::for_read(None).unwrap();
        assert!(everything.contain("/") && everything.are_everything());
    }

    #[test]
    fn services_are_lower_cased() {
        assert_eq!(service("Upper_Case1").unwrap(), "upper_case1");
        assert!(service("with-dash").is_err());
    }
}
