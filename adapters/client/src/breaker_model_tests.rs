//! Whatever several consumers do in whichever order, with a source that is well or not: what the breaker lets through is what a
//! plain account of the same events says, and no consumer closes a source that is well to another.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::breaker::{
    Breaker, Concern, Entry, FAILURES_TO_OPEN, LONGEST_LEFT_ALONE, OPEN_FOR, PATIENCE_WITH_PROBE, Probed,
};

/// Consumers with a credential each, and one (0) that shares the gateway's own with nobody.
const CONSUMERS: u64 = 4;

/// What becomes of a request to a source that is well: what its consumer has done.
#[derive(Debug, Clone, Copy)]
enum Manner {
    Asks,
    /// What makes the source stumble: 500, HTML, garbage, a body that stalls or is cut, a connection that breaks.
    AsksOddly,
    /// 400, 404, 422.
    AsksWrongly,
    Leaves {
        in_silence: bool,
    },
    /// 401, or 429 without a word.
    IsRefused,
    /// 429 with `Retry-After`.
    IsLate(u64),
}

/// How the source is.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Health {
    Well,
    /// It fails everybody, however.
    Sick,
    /// 503 with `Retry-After`.
    Away(u64),
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Asks(u64, Manner),
    /// A request that is under way ends; numbers are taken modulo how many there are.
    Ends(usize),
    ProbeEnds(usize),
    Passes(u64),
    Becomes(Health),
}

fn manner() -> impl Strategy<Value = Manner> {
    prop_oneof![
        4 => Just(Manner::Asks),
        4 => Just(Manner::AsksOddly),
        1 => Just(Manner::AsksWrongly),
        2 => any::<bool>().prop_map(|in_silence| Manner::Leaves { in_silence }),
        2 => Just(Manner::IsRefused),
        1 => (0..600_u64).prop_map(Manner::IsLate),
    ]
}

fn steps(is_always_well: bool) -> impl Strategy<Value = Vec<Step>> {
    let health = prop_oneof![
        2 => Just(Health::Well),
        2 => Just(Health::Sick),
        1 => (0..600_u64).prop_map(Health::Away),
    ];
    let step = prop_oneof![
        8 => (0..CONSUMERS, manner()).prop_map(|(consumer, manner)| Step::Asks(consumer, manner)),
        8 => any::<usize>().prop_map(Step::Ends),
        3 => any::<usize>().prop_map(Step::ProbeEnds),
        2 => (1..8_000_u64).prop_map(Step::Passes),
        u32::from(!is_always_well) => health.prop_map(Step::Becomes),
    ];
    prop::collection::vec(step, 1..120)
}

/// What the account says of one concern.
#[derive(Debug, Clone, Default)]
struct Account {
    in_a_row: u32,
    /// Nobody asks until then.
    shut_until: Option<Instant>,
    /// What it has said itself, as far as it is believed.
    said_until: Option<Instant>,
    /// When a probe began that decides, and whether it was shut before.
    probed_since: Option<(Instant, bool)>,
}

#[derive(Debug, PartialEq)]
enum May {
    Go,
    Wait,
    Not,
}

impl Account {
    fn fails(&mut self, now: Instant) -> bool {
        self.in_a_row += 1;
        let decides = self.in_a_row >= FAILURES_TO_OPEN && self.shut_until.is_none() && self.probed_since.is_none();
        if decides {
            self.probed_since = Some((now, false));
        }
        decides
    }

    fn says(&mut self, seconds: u64, now: Instant) {
        if seconds == 0 {
            return;
        }
        let until = now + Duration::from_secs(seconds).min(LONGEST_LEFT_ALONE);
        self.said_until = self.said_until.max(Some(until));
        self.shut_until = self.said_until;
        self.probed_since = None;
    }

    fn answers(&mut self, now: Instant) {
        self.in_a_row = 0;
        if self.said_until.is_none_or(|until| until <= now) {
            *self = Self::default();
        }
    }

    fn may(&self, now: Instant) -> May {
        match (self.probed_since, self.shut_until) {
            (Some((since, true)), _) if since + PATIENCE_WITH_PROBE <= now => May::Not,
            (None, Some(until)) if now < until => May::Not,
            (Some(_), _) | (None, Some(_)) => May::Wait,
            (None, None) => May::Go,
        }
    }
}

struct World {
    breaker: Breaker,
    now: Instant,
    health: Health,
    accounts: BTreeMap<Option<u64>, Account>,
    under_way: Vec<(u64, Manner)>,
    probes: Vec<Concern>,
    is_doubted: bool,
    doubted_at: Option<Instant>,
}

fn place(concern: Concern) -> Option<u64> {
    match concern {
        Concern::Source => None,
        Concern::Credential(credential) => Some(credential),
    }
}

impl World {
    fn new() -> Self {
        Self {
            breaker: Breaker::default(),
            now: Instant::now(),
            health: Health::Well,
            accounts: BTreeMap::new(),
            under_way: Vec::new(),
            probes: Vec::new(),
            is_doubted: false,
            doubted_at: None,
        }
    }

    fn account(&mut self, concern: Concern) -> &mut Account {
        self.accounts.entry(place(concern)).or_default()
    }

    /// Whether a request of the consumer's may go, by the account.
    fn may(&mut self, consumer: u64) -> (May, Concern) {
        let now = self.now;
        let of_source = self.account(Concern::Source).may(now);
        if of_source != May::Go {
            return (of_source, Concern::Source);
        }
        let own = Concern::Credential(consumer);
        (self.account(own).may(now), own)
    }

    fn asks(&mut self, consumer: u64) -> May {
        let (expected, concern) = self.may(consumer);
        let entry = self.breaker.entry(consumer, self.now);
        let may = match entry {
            Entry::Yes => May::Go,
            Entry::No(told, _) => {
                assert_eq!(told, concern);
                May::Not
            }
            Entry::Wait(..) => May::Wait,
            Entry::Probe(told) => {
                assert_eq!(told, concern);
                let now = self.now;
                let account = self.account(concern);
                assert!(account.probed_since.is_none(), "one probe at a time");
                account.probed_since = Some((now, true));
                self.probes.push(concern);
                May::Wait
            }
        };
        assert_eq!(may, expected);
        may
    }

    fn fails(&mut self, concern: Concern) {
        let now = self.now;
        let decides = self.account(concern).fails(now);
        let is_probed = concern == Concern::Source && self.is_doubted;
        assert_eq!(self.breaker.failed(concern, now), decides && !is_probed);
        if decides && !is_probed {
            self.probes.push(concern);
        }
    }

    fn says(&mut self, concern: Concern, seconds: u64) {
        let now = self.now;
        self.account(concern).says(seconds, now);
        self.breaker.is_left_alone(concern, Duration::from_secs(seconds), now);
    }

    fn ends(&mut self, consumer: u64, manner: Manner) {
        let (now, own) = (self.now, Concern::Credential(consumer));
        match (manner, self.health) {
            (Manner::Leaves { in_silence }, _) => {
                let is_soon = self.doubted_at.is_some_and(|at| now < at + Duration::from_secs(1));
                let source = self.account(Concern::Source);
                let is_open = source.shut_until.is_none() && source.probed_since.is_none();
                let expected = in_silence && is_open && !is_soon && !self.is_doubted;
                assert_eq!(in_silence && self.breaker.doubted(now), expected);
                if expected {
                    self.is_doubted = true;
                    self.doubted_at = Some(now);
                    self.probes.push(Concern::Source);
                }
            }
            (_, Health::Sick) | (Manner::AsksOddly, Health::Well) => self.fails(Concern::Source),
            (_, Health::Away(seconds)) => {
                self.says(Concern::Source, seconds);
                self.fails(Concern::Source);
            }
            (Manner::Asks, Health::Well) => {
                self.account(Concern::Source).answers(now);
                self.account(own).answers(now);
                self.breaker.succeeded(consumer, now);
            }
            (Manner::AsksWrongly, Health::Well) => {}
            (Manner::IsRefused, Health::Well) => self.fails(own),
            (Manner::IsLate(seconds), Health::Well) => {
                self.says(own, seconds);
                self.fails(own);
            }
        }
    }

    fn probe_ends(&mut self, concern: Concern) {
        let now = self.now;
        if let Health::Away(seconds) = self.health {
            self.says(Concern::Source, seconds);
        }
        // A credential that was refused is not refused any more; the source has its health.
        let probed = match (self.health, concern) {
            (Health::Well, _) => Probed::IsWell,
            (_, Concern::Source) => Probed::IsSick,
            (_, Concern::Credential(_)) => Probed::Unknown,
        };
        let was_doubted = concern == Concern::Source && std::mem::take(&mut self.is_doubted);
        let account = self.account(concern);
        match (account.probed_since.take(), probed) {
            (None, _) if !was_doubted || account.shut_until.is_some() => {}
            (_, Probed::IsWell) => *account = Account::default(),
            (Some(_), Probed::IsSick) | (Some((_, true)), Probed::Unknown) => {
                account.shut_until = Some(now + OPEN_FOR).max(account.said_until);
            }
            (None, Probed::IsSick) => {
                account.in_a_row += 1;
                if account.in_a_row >= FAILURES_TO_OPEN {
                    account.shut_until = Some(now + OPEN_FOR).max(account.said_until);
                }
            }
            (Some((_, false)), Probed::Unknown) => account.in_a_row = FAILURES_TO_OPEN - 1,
            (None, Probed::Unknown) => {}
        }
        self.breaker.probed(concern, probed, now);
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Asks(consumer, manner) => {
                if self.asks(consumer) == May::Go {
                    self.under_way.push((consumer, manner));
                }
            }
            Step::Ends(which) if !self.under_way.is_empty() => {
                let which = which % self.under_way.len();
                let (consumer, manner) = self.under_way.remove(which);
                self.ends(consumer, manner);
            }
            Step::ProbeEnds(which) if !self.probes.is_empty() => {
                let which = which % self.probes.len();
                let concern = self.probes.remove(which);
                self.probe_ends(concern);
            }
            Step::Passes(milliseconds) => self.now += Duration::from_millis(milliseconds),
            Step::Becomes(health) => self.health = health,
            Step::Ends(_) | Step::ProbeEnds(_) => {}
        }
    }

    /// Everything that is under way ends, and time passes until nothing holds any more.
    fn settles(&mut self) {
        self.health = Health::Well;
        self.now += 2 * LONGEST_LEFT_ALONE;
        self.under_way.clear();
        while let Some(concern) = self.probes.pop() {
            self.probe_ends(concern);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_goes_through_is_what_the_account_says(steps in steps(false)) {
        let mut world = World::new();
        for step in steps {
            world.step(step);
        }
        // A source that is well again is asked by all, and each has waited for one probe of either at most.
        world.settles();
        for consumer in 0..CONSUMERS {
            for _ in 0..2 {
                if world.asks(consumer) != May::Go {
                    let concern = world.probes.pop().unwrap();
                    world.probe_ends(concern);
                }
            }
            assert_eq!(world.asks(consumer), May::Go);
        }
    }

    /// One asks as everybody does, the others as they like. However they do, it is let through, or waits for a probe, which
    /// lets it through.
    #[test]
    fn nobody_closes_a_source_that_is_well_to_another(steps in steps(true)) {
        let mut world = World::new();
        for step in steps {
            match step {
                Step::Asks(0, _) => {}
                step => world.step(step),
            }
            match world.asks(0) {
                May::Go => {}
                May::Not => panic!("it was closed"),
                May::Wait => {
                    let place = world.probes.iter().position(|concern| *concern == Concern::Source).unwrap();
                    let concern = world.probes.remove(place);
                    world.probe_ends(concern);
                    assert_eq!(world.asks(0), May::Go);
                }
            }
        }
    }
}
