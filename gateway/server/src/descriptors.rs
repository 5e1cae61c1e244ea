//! How many file descriptors the process may have. Each connection is one, and so is each to a source, each file of the
//! store, each listener.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit as far as a process may that has no privileges (the hard limit), and says how many there are now;
/// `None`: as many as one likes.
pub fn raise_descriptor_limit() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return limit.current;
    }
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "the limit of file descriptors cannot be raised");
        return limit.current;
    }
    limit.maximum
}

/// The connections of consumers that so many descriptors allow: half of them. A request under way may need as many again
/// for the sources that it asks, and the store, the administrators and those that are about to end have some, too.
#[must_use]
pub fn connections_within(descriptors: Option<u64>) -> usize {
    descriptors.map_or(usize::MAX, |descriptors| {
        usize::try_from(descriptors / 2).unwrap_or(usize::MAX)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_raised_as_far_as_it_goes() {
        let raised = raise_descriptor_limit();
        assert_eq!(raised, getrlimit(Resource::Nofile).maximum);
        assert_eq!(getrlimit(Resource::Nofile).current, raised);
    }

    #[test]
    fn half_of_the_descriptors_are_for_connections() {
        assert_eq!(connections_within(Some(1024)), 512);
        assert_eq!(connections_within(None), usize::MAX);
    }
}
