//! Who is let in, and who goes for it.

use std::collections::HashMap as Map;
use std::net::Ipv4Addr;
use std::task::{Context, Waker};

use proptest::prelude::*;
use tokio::time::Duration;

use super::*;
use crate::connection_state::UnderWay;
use crate::tests::metrics;

/// The proxy that is trusted.
const PROXY: u8 = 200;

struct Bounds {
    connections: usize,
    per_address: usize,
}

impl ConnectionBounds for Bounds {
    fn connections(&self) -> usize {
        self.connections
    }

    fn per_address(&self) -> usize {
        self.per_address
    }

    fn is_trusted(&self, address: IpAddr) -> bool {
        address == of(PROXY)
    }
}

fn of(host: u8) -> IpAddr {
    Ipv4Addr::new(192, 0, 2, host).into()
}

fn bounded(connections: usize, per_address: usize) -> Arc<Connections> {
    Connections::new(
        Arc::new(Bounds {
            connections,
            per_address,
        }),
        metrics(),
    )
}

fn must_go(admitted: &Admitted) -> bool {
    let asked = admitted.state.poll_ending(&Context::from_waker(Waker::noop()));
    asked == std::task::Poll::Ready(Ending::Room)
}

/// Lets in so many from an address, one a second.
async fn fill(connections: &Arc<Connections>, host: u8, number: usize) -> Vec<Admitted> {
    let mut admitted = Vec::new();
    for _ in 0..number {
        admitted.push(connections.admit(of(host)).unwrap_or_else(|no| panic!("{no:?}")));
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    admitted
}

#[tokio::test(start_paused = true)]
async fn the_longest_idle_of_the_greediest_address_go_for_a_newcomer() {
    let connections = bounded(10, 10);
    let others = fill(&connections, 2, 3).await;
    let greedy = fill(&connections, 1, 7).await;
    let newcomer = fill(&connections, 3, 1).await;
    // It has four more than the next: so many are told at once.
    assert_eq!(
        greedy.iter().map(must_go).collect::<Vec<_>>(),
        [true, true, true, true, false, false, false]
    );
    assert!(!others.iter().chain(&newcomer).any(must_go));
}

#[tokio::test(start_paused = true)]
async fn no_connection_goes_on_which_a_request_is_under_way() {
    let connections = bounded(4, 4);
    let mut greedy = fill(&connections, 1, 4).await;
    let mut under_way: Vec<UnderWay> = greedy.iter().map(|admitted| admitted.state.begin_request()).collect();
    assert_eq!(connections.admit(of(2)).err(), Some(NoRoom::AtAll));
    assert!(!greedy.iter().any(must_go));
    // What is answered and not written is under way as well.
    drop(under_way.remove(2));
    greedy[2].state.set_blocked(true);
    assert_eq!(connections.admit(of(2)).err(), Some(NoRoom::AtAll));
    greedy[2].state.set_blocked(false);
    let newcomer = connections.admit(of(2)).ok();
    assert!(newcomer.is_some() && must_go(&greedy.remove(2)));
    assert!(!greedy.iter().any(must_go));
}

#[tokio::test(start_paused = true)]
async fn nobody_goes_for_somebody_who_has_more() {
    let connections = bounded(5, 5);
    let honest = fill(&connections, 2, 1).await;
    let greedy = fill(&connections, 1, 4).await;
    let under_way: Vec<UnderWay> = greedy.iter().map(|admitted| admitted.state.begin_request()).collect();
    assert_eq!(
        connections.admit(of(1)).err(),
        Some(NoRoom::AtAll),
        "all of its own are busy"
    );
    assert!(!must_go(&honest[0]));
    drop(under_way);
    let newcomer = connections.admit(of(1)).ok();
    assert!(
        newcomer.is_some() && must_go(&greedy[0]) && !must_go(&honest[0]),
        "its own go first"
    );
}

#[tokio::test(start_paused = true)]
async fn an_address_has_a_share_and_its_own_idle_connections_go_for_more() {
    let connections = bounded(100, 3);
    let share = fill(&connections, 1, 3).await;
    let under_way = share[0].state.begin_request();
    let more = connections.admit(of(1)).ok();
    assert!(more.is_some());
    assert_eq!(share.iter().map(must_go).collect::<Vec<_>>(), [false, true, false]);
    let others: Vec<UnderWay> = [&share[2].state, &more.as_ref().unwrap().state]
        .map(ConnectionState::begin_request)
        .into();
    assert_eq!(connections.admit(of(1)).err(), Some(NoRoom::ForAddress));
    assert!(connections.admit(of(2)).is_ok(), "others have their own");
    drop((under_way, others));
}

#[tokio::test(start_paused = true)]
async fn a_trusted_proxy_has_no_share_and_its_connections_go_last() {
    let connections = bounded(10, 2);
    let proxied = fill(&connections, PROXY, 8).await;
    let client = fill(&connections, 1, 2).await;
    let another = fill(&connections, 2, 1).await;
    assert!(must_go(&client[0]) && !proxied.iter().any(must_go));
    drop((client, another));
    let more = fill(&connections, PROXY, 2).await;
    let newcomer = connections.admit(of(3)).ok();
    assert!(newcomer.is_some() && must_go(&proxied[0]), "nobody else is here");
    assert!(!more.iter().any(must_go));
}

#[tokio::test(start_paused = true)]
async fn the_end_is_waited_for() {
    let connections = bounded(10, 10);
    let mut admitted = fill(&connections, 1, 3).await;
    let ending = tokio::spawn({
        let connections = Arc::clone(&connections);
        async move { connections.end_all().await }
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    while let Some(admitted) = admitted.pop() {
        assert!(!ending.is_finished());
        let asked = admitted.state.poll_ending(&Context::from_waker(Waker::noop()));
        assert_eq!(asked, std::task::Poll::Ready(Ending::Stopping));
        drop(admitted);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert!(ending.is_finished());
}

/// What happens on a listener.
#[derive(Debug, Clone)]
enum Event {
    Arrives(u8),
    Begins(prop::sample::Index),
    Finishes(prop::sample::Index),
    Leaves(prop::sample::Index),
    /// Those that must go are gone.
    Goes,
}

fn event() -> impl Strategy<Value = Event> {
    let any = any::<prop::sample::Index>;
    prop_oneof![
        6 => prop::sample::select(vec![1, 1, 1, 2, 2, 3, PROXY]).prop_map(Event::Arrives),
        3 => any().prop_map(Event::Begins),
        2 => any().prop_map(Event::Finishes),
        1 => any().prop_map(Event::Leaves),
        2 => Just(Event::Goes),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_the_bounds_hold_and_newcomers_find_room(events in prop::collection::vec(event(), 1..80)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let _entered = runtime.enter();
        let (all, share) = (8, 5);
        let connections = bounded(all, share);
        // Each connection, by whom, and its request.
        let mut here: Vec<(u8, Admitted, Option<UnderWay>)> = Vec::new();
        for event in events {
            match event {
                Event::Arrives(host) => {
                    let staying: Vec<_> = here.iter().filter(|(_, admitted, _)| !must_go(admitted)).collect();
                    let mut sizes: Map<u8, usize> = Map::new();
                    for (host, ..) in &staying {
                        *sizes.entry(*host).or_default() += 1;
                    }
                    let mine = sizes.get(&host).copied().unwrap_or(0);
                    let is_idle = |other: u8| staying.iter().any(|(host, _, under_way)| *host == other && under_way.is_none());
                    let at_share = host != PROXY && mine >= share;
                    let is_full = staying.len() >= all;
                    let could_go = |other: &u8| {
                        // Proxies stand for many.
                        let is_greedier = *other == PROXY || host == PROXY || sizes[other] > mine || *other == host;
                        is_greedier && is_idle(*other)
                    };
                    let expected = if at_share {
                        is_idle(host)
                    } else {
                        !is_full || sizes.keys().any(could_go)
                    };
                    let admitted = connections.admit(of(host)).ok();
                    prop_assert_eq!(admitted.is_some(), expected, "{} of {:?}", host, sizes);
                    here.extend(admitted.map(|admitted| (host, admitted, None)));
                }
                Event::Begins(at) if !here.is_empty() => {
                    let (_, admitted, under_way) = {
                        let at = at.index(here.len());
                        &mut here[at]
                    };
                    if !must_go(admitted) && under_way.is_none() {
                        *under_way = Some(admitted.state.begin_request());
                    }
                }
                Event::Finishes(at) if !here.is_empty() => {
                    let at = at.index(here.len());
                    here[at].2 = None;
                }
                Event::Leaves(at) if !here.is_empty() => drop(here.swap_remove(at.index(here.len()))),
                Event::Goes => here.retain(|(_, admitted, _)| !must_go(admitted)),
                _ => {}
            }
            let staying: Vec<_> = here.iter().filter(|(_, admitted, _)| !must_go(admitted)).collect();
            prop_assert!(staying.len() <= all);
            for (_, admitted, under_way) in &here {
                prop_assert!(under_way.is_none() || !must_go(admitted), "a request was under way");
            }
        }
    }
}
