//! Which names of tenants can name a partition.

/// Longest name of a tenant that names a file, in bytes.
pub const MAX_TENANT_BYTES: usize = 64;

/// Whether the tenant's name can be a file's name everywhere, without leading out of the folder.
pub(super) fn names_a_file(tenant: &str) -> bool {
    let mut bytes = tenant.bytes();
    bytes
        .next()
        .is_some_and(|first| first.is_ascii_lowercase() || first.is_ascii_digit())
        && tenant.len() <= MAX_TENANT_BYTES
        && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_'))
}
