//! Whatever somebody does to the files: `check` says yes or no, and never falls over.

use super::harness::{Files, Finished};

const FILES: [&str; 7] = [
    "tenants.toml",
    "mappings/sano.toml",
    "policies/classification.toml",
    "policies/schema.cedarschema",
    "policies/nasushiobara.cedar",
    "policies/platform.cedar",
    "policies/sano.cedar",
];

/// Mutations of each kind for each file.
const ROUNDS: usize = 5;

/// A small generator (SplitMix64), so that every run tries the same.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % bound as u64).unwrap()
    }
}

const GARBAGE: [&[u8]; 9] = [
    b"\"",
    b"]]",
    b"\0",
    b"\xff\xfe",
    "＝".as_bytes(),
    b"{{{{{{{{",
    b"= = =",
    b"\n[[tenants]]\n",
    "\u{202e}架け橋".as_bytes(),
];

fn mutated(content: &[u8], kind: usize, numbers: &mut Numbers) -> Vec<u8> {
    let place = numbers.below(content.len());
    match kind {
        0 => content[..place].to_vec(),
        1 => [
            &content[..place],
            GARBAGE[numbers.below(GARBAGE.len())],
            &content[place..],
        ]
        .concat(),
        2 => {
            let lines: Vec<&[u8]> = content.split_inclusive(|byte| *byte == b'\n').collect();
            let gone = numbers.below(lines.len());
            lines
                .iter()
                .enumerate()
                .filter(|(index, _)| *index != gone)
                .flat_map(|(_, line)| line.to_vec())
                .collect()
        }
        3 => {
            let lines: Vec<&[u8]> = content.split_inclusive(|byte| *byte == b'\n').collect();
            let twice = numbers.below(lines.len());
            lines
                .iter()
                .enumerate()
                .flat_map(|(index, line)| if index == twice { line.repeat(2) } else { line.to_vec() })
                .collect()
        }
        _ => {
            let mut changed = content.to_vec();
            changed[place] = changed[place].wrapping_add(1 + u8::try_from(numbers.below(250)).unwrap());
            changed
        }
    }
}

#[test]
fn no_mutation_of_a_file_makes_check_fall_over() {
    let files = Files::committed();
    let mut numbers = Numbers(20_261_121);
    let mut refused = 0;
    for file in FILES {
        let content = std::fs::read(files.folder().join(file)).unwrap();
        for round in 0..ROUNDS {
            for kind in 0..5 {
                files.write(file, mutated(&content, kind, &mut numbers));
                let finished = Finished::of(files.folder(), &["check"]);
                assert!(
                    matches!(finished.code, Some(0 | 1)),
                    "{file} {kind} {round}: {finished:?}"
                );
                if finished.code == Some(1) {
                    refused += 1;
                    assert!(
                        !finished.stderr.trim().is_empty(),
                        "{file} {kind} {round}: refused without a word"
                    );
                }
            }
        }
        files.write(file, content);
    }
    assert!(
        refused > FILES.len() * ROUNDS,
        "{refused}: the mutations should mostly be refused"
    );
    assert_eq!(
        Finished::of(files.folder(), &["check"]).code,
        Some(0),
        "and the files were put back"
    );
}
