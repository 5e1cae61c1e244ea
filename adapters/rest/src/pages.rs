//! Which pages of a platform are asked for, and what an answer says about the pages after it.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::link::next_path;
use kakehashi_mapping::language::{PagingStyle, TypeMapping};
use kakehashi_mapping::record::Envelope;

/// Pages after which a platform is taken to hand out pages without an end: at 100 records each, a million.
pub(super) const MAX_PAGES: u64 = 10_000;

/// The path of the many records with these parameters. The kind refuses a mapping without one.
fn path_of(mapping: &TypeMapping, parameters: &[(&str, u64)]) -> String {
    mapping
        .path
        .as_ref()
        .map_or_else(|| "/".to_owned(), |path| path.with(parameters))
}

/// The path of the first page, with the platform's largest page size.
pub(super) fn first_path(mapping: &TypeMapping) -> String {
    match &mapping.paging.style {
        PagingStyle::None | PagingStyle::Next { size: None } | PagingStyle::Cursor { size: None, .. } => {
            path_of(mapping, &[])
        }
        PagingStyle::Next { size: Some(size) } | PagingStyle::Cursor { size: Some(size), .. } => {
            path_of(mapping, &[(size, mapping.paging.size)])
        }
        PagingStyle::Page { .. } | PagingStyle::Offset { .. } => {
            path_at(mapping, 0, 0, mapping.paging.size).unwrap_or_else(|| path_of(mapping, &[]))
        }
    }
}

/// The path of a page with one record, where the platform's pages can be so small.
pub(super) fn smallest_path(mapping: &TypeMapping) -> String {
    match &mapping.paging.style {
        PagingStyle::Next { size: Some(size) } | PagingStyle::Cursor { size: Some(size), .. } => {
            path_of(mapping, &[(size, 1)])
        }
        _ => path_at(mapping, 0, 0, 1).unwrap_or_else(|| path_of(mapping, &[])),
    }
}

/// The path of the page at `index` (from 0) that begins after `skipped` records. `None` when the platform's
/// pages have no numbers.
pub(super) fn path_at(mapping: &TypeMapping, index: u64, skipped: u64, page_size: u64) -> Option<String> {
    match &mapping.paging.style {
        PagingStyle::Page { number, size, first } => {
            let page = (number.as_str(), first.saturating_add(index));
            Some(match size {
                Some(size) => path_of(mapping, &[page, (size, page_size)]),
                None => path_of(mapping, &[page]),
            })
        }
        PagingStyle::Offset { offset, limit, first } => {
            let skipped = skipped.saturating_add(*first);
            Some(path_of(mapping, &[(offset, skipped), (limit, page_size)]))
        }
        PagingStyle::None | PagingStyle::Next { .. } | PagingStyle::Cursor { .. } => None,
    }
}

/// The path of the page after one, by what that one says of it. `filtered` adds the conditions that the platform decides.
pub(super) fn linked_path(
    mapping: &TypeMapping,
    link: &str,
    current: &str,
    base_path: &str,
    filtered: impl Fn(String) -> String,
) -> Option<String> {
    let PagingStyle::Cursor { cursor, .. } = &mapping.paging.style else {
        return next_path(link, current, base_path);
    };
    let mut path = first_path(mapping);
    path.push(if path.contains('?') { '&' } else { '?' });
    path.push_str(cursor);
    path.push('=');
    path.extend(utf8_percent_encode(link, NON_ALPHANUMERIC));
    Some(filtered(path))
}

/// What follows the first page.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Following {
    /// Nothing.
    Nothing,
    /// So many pages in all, each with so many records.
    Pages { pages: u64, records: u64 },
    /// Pages until one is empty.
    UntilEmpty,
    /// The page that the answer links to.
    Linked,
}

/// Judges the first page. The number of records in it says how large the platform's pages really are: some
/// cut a larger size down without a word. A total that the page itself shows to be wrong, or that no platform can have, is
/// not believed: then pages are asked for until one is empty.
pub(super) fn following(mapping: &TypeMapping, first: &Envelope) -> Following {
    let records = first.records as u64;
    match mapping.paging.style {
        PagingStyle::None => Following::Nothing,
        PagingStyle::Next { .. } | PagingStyle::Cursor { .. } => Following::Linked,
        PagingStyle::Page { .. } | PagingStyle::Offset { .. } if records == 0 => Following::Nothing,
        PagingStyle::Page { .. } | PagingStyle::Offset { .. } => {
            let by_total = first
                .total
                .filter(|total| *total >= records)
                .map(|total| total.div_ceil(records));
            match first.pages.filter(|pages| *pages > 0).max(by_total) {
                Some(1) => Following::Nothing,
                Some(pages) if pages <= MAX_PAGES => Following::Pages { pages, records },
                _ => Following::UntilEmpty,
            }
        }
    }
}

/// The pages that hold a window of the view, when the platform's positions are those of the view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    /// Records in each page.
    pub(super) size: u64,
    /// The first page, from 0.
    pub(super) first: u64,
    /// The last page.
    pub(super) last: u64,
    /// Records of the first page that come before the window.
    pub(super) skip: u64,
}

/// The window of `limit` records after `offset`. `None` when single pages cannot be asked for.
pub(super) fn window(mapping: &TypeMapping, offset: u64, limit: u64) -> Option<Window> {
    let largest = mapping.paging.size;
    let is_numbered = match &mapping.paging.style {
        PagingStyle::Page { size, .. } => size.is_some(),
        PagingStyle::Offset { .. } => true,
        PagingStyle::None | PagingStyle::Next { .. } | PagingStyle::Cursor { .. } => false,
    };
    if !is_numbered || limit == 0 || mapping.documents.total.is_none() {
        return None;
    }
    let size = if limit <= largest && offset.is_multiple_of(limit) {
        limit
    } else {
        largest
    };
    Some(Window {
        size,
        first: offset / size,
        last: offset.saturating_add(limit - 1) / size,
        skip: offset % size,
    })
}
