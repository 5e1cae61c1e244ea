//! What invented persons have in common: names that nobody has, and numbers that are given to nobody.

/// Given names; a family name of each place stands before them.
pub(crate) const GIVEN_NAMES: [&str; 10] = [
    "一郎太",
    "花乃子",
    "三四介",
    "月見子",
    "五十六丸",
    "雪路代",
    "七之丞",
    "星羅奈",
    "九十九兵",
    "虹歌音",
];

/// The name in this row: no pair of family name and given name comes twice in as many rows as there are pairs.
pub(crate) fn name(families: &[&str], row: usize) -> String {
    let family = families.iter().cycle().nth(row).copied().unwrap_or_default();
    let given = GIVEN_NAMES.into_iter().cycle().nth(row / families.len().max(1));
    format!("{family} {}", given.unwrap_or_default())
}

/// A マイナンバー: eleven digits and the check digit that belongs to them.
pub(crate) fn my_number(eleven: u64) -> String {
    let (mut rest, mut sum) = (eleven, 0);
    for position in 1..=11 {
        let weight = if position <= 6 { position + 1 } else { position - 5 };
        sum += rest % 10 * weight;
        rest /= 10;
    }
    let check = match sum % 11 {
        0 | 1 => 0,
        remainder => 11 - remainder,
    };
    format!("{eleven:011}{check}")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_check_digit_is_the_official_one() {
        assert_eq!(my_number(98_320_567_321), "983205673214");
    }

    #[test]
    fn every_canary_of_every_place_is_unique_and_in_no_published_file() {
        let canaries = crate::canaries();
        assert_eq!(canaries.iter().collect::<HashSet<_>>().len(), canaries.len());
        let published = [
            crate::gsi::NASUSHIOBARA_SITES,
            crate::gsi::NASUSHIOBARA_SHELTERS,
            crate::gsi::SANO_SITES,
            crate::gsi::SANO_SHELTERS,
            crate::gsi::YAITA_SITES,
            crate::prefecture::YAITA_ENTITIES,
            crate::prefecture::TOCHIGI_ENTITIES,
        ];
        for canary in &canaries {
            assert!(!published.iter().any(|text| text.contains(canary)), "{canary}");
            let within = canaries.iter().filter(|other| other.contains(canary.as_str())).count();
            assert_eq!(within, 1, "{canary} is a part of another");
        }
    }
}
