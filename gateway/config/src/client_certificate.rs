//! `client_certificate`: whose certificate is whose. Written for consumers; whoever else is known by a certificate reads
//! it the same way.

use std::sync::Arc;

use hashbrown::HashMap;
use kakehashi_certificates::{CertificateName, ClientCertificate};

use kakehashi_core::diagnostics::Place;
use kakehashi_documents::document::{Node, Value};
use kakehashi_documents::section::Section;

/// Who is known by which name of a certificate.
#[derive(Debug, Clone)]
pub(crate) struct CertificateIndex<T> {
    holders: HashMap<CertificateName, Arc<T>>,
}

impl<T> Default for CertificateIndex<T> {
    fn default() -> Self {
        Self {
            holders: HashMap::default(),
        }
    }
}

impl<T> CertificateIndex<T> {
    /// Whose certificate it is; `None`: nobody's, or that of several, or one that has ended meanwhile.
    /// With the first of its names that says so.
    pub(crate) fn find(&self, certificate: &ClientCertificate) -> Option<(&Arc<T>, &CertificateName)> {
        if !certificate.is_valid_now() {
            return None;
        }
        let names = certificate.names().iter();
        let mut holders = names.filter_map(|name| self.holders.get_key_value(name));
        let (name, first) = holders.next()?;
        let is_one = holders.all(|(_, other)| Arc::ptr_eq(first, other));
        is_one.then_some((first, name))
    }

    /// Who is known by a name.
    pub(crate) fn holder_of(&self, name: &CertificateName) -> Option<&Arc<T>> {
        self.holders.get(name)
    }

    /// The holder of each name, in no order.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<T>> {
        self.holders.values()
    }

    /// Gives a name to a holder.
    ///
    /// # Errors
    /// Who has it already.
    pub(crate) fn insert(&mut self, name: CertificateName, holder: &Arc<T>) -> Result<(), Arc<T>> {
        if let Some(other) = self.holders.get(&name) {
            return Err(Arc::clone(other));
        }
        self.holders.insert(name, Arc::clone(holder));
        Ok(())
    }
}

/// Reads `client_certificate`: one table, or a list of them while one certificate replaces another. `checked` says
/// whether `client_ca` is there, without which no certificate is ever asked for.
pub(crate) fn read<'a>(section: &Section<'a>, checked: bool) -> Vec<(CertificateName, &'a Place)> {
    let Some(node) = section.node("client_certificate") else {
        return Vec::new();
    };
    if !checked {
        let message = format!(
            "`client_certificate` in {} can never be presented: [gateway] tls has no `client_ca`",
            section.title()
        );
        let help = "add `tls = { certificate = \"...\", key = { file = \"...\" }, client_ca = \"...\" }` to [gateway]";
        section.report().error(&node.place, message, help.to_owned());
    }
    let nodes: &[Node] = match &node.value {
        Value::Array(items) => items,
        _ => std::slice::from_ref(node),
    };
    nodes.iter().filter_map(|node| read_one(section, node)).collect()
}

fn read_one<'a>(section: &Section<'a>, node: &'a Node) -> Option<(CertificateName, &'a Place)> {
    let title = format!("`client_certificate` of {}", section.title());
    let table = Section::new(title, node, section.report());
    let (san, fingerprint) = (table.node("san"), table.node("fingerprint"));
    let name = match (san, fingerprint) {
        (Some(_), None) => table.parsed("san", CertificateName::subject_alternative),
        (None, Some(_)) => table.parsed("fingerprint", CertificateName::fingerprint),
        _ => {
            let message = format!("{} must have exactly one of `san` and `fingerprint`", table.title());
            let help = "{ san = \"app.example.jp\" }".to_owned();
            section.report().error(&node.place, message, help);
            None
        }
    };
    let place = san.or(fingerprint).map_or(&node.place, |node| &node.place);
    table.finish();
    Some((name?, place))
}
