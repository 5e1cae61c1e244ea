//! What is kept, for how long, and when the source is asked.

use super::*;

#[tokio::test(start_paused = true)]
async fn an_hour_of_questions_is_one_reading_for_each_hold() {
    let world = World::sites(100);
    for second in 0..3600 {
        let (ids, age, is_stale) = world.find(&all()).await.unwrap();
        assert_eq!((ids.len(), is_stale), (100, false), "after {second} s");
        assert!(age.unwrap() < HOLD, "after {second} s: {age:?}");
        advance(Duration::from_secs(1)).await;
    }
    assert_eq!(world.times_asked(), 60);
}

#[tokio::test(start_paused = true)]
async fn however_many_ask_at_once_one_reading_answers_them() {
    let world = World::sites(100);
    let call = call();
    let query = all();
    let asking = (0..200).map(|_| world.ask(&query, &call));
    let answers = futures::future::join_all(asking).await;
    assert!(answers.iter().all(|answer| answer.as_ref().unwrap().len() == 100));
    assert_eq!(world.times_asked(), 1);
    // Nothing but what is open was asked for, of the type alone, and nothing else can be in it.
    let asked = world.source.asked.lock().unwrap().remove(0);
    let expected = SourceQuery {
        system_attributes: true,
        ..all()
    };
    assert_eq!(asked, expected);
}

#[tokio::test(start_paused = true)]
async fn nobody_asks_and_nothing_is_read() {
    let world = World::sites(3);
    world.find(&all()).await.unwrap();
    advance(HOLD * 2 - Duration::from_secs(1)).await;
    settle().await;
    assert_eq!(world.held.status().entities, 3);
    advance(Duration::from_secs(2)).await;
    settle().await;
    let forgotten = world.held.status();
    assert_eq!((forgotten.entities, forgotten.bytes, forgotten.age), (0, 0, None));
    advance(HOLD * 100).await;
    settle().await;
    assert_eq!(world.times_asked(), 1);
    let (_, age, _) = world.find(&all()).await.unwrap();
    assert_eq!((age, world.times_asked()), (Some(Duration::ZERO), 2));
}

#[tokio::test(start_paused = true)]
async fn a_source_that_takes_long_is_read_before_the_hold_is_over() {
    let world = World::sites(3);
    let slow = async {
        world.source.may_answer.forget_permits(usize::MAX);
        tokio::time::sleep(Duration::from_secs(2)).await;
        world.source.may_answer.add_permits(1);
    };
    let query = all();
    let (found, ()) = tokio::join!(world.find(&query), slow);
    assert_eq!(found.unwrap().1, Some(Duration::from_secs(2)));
    advance(Duration::from_secs(53)).await;
    world.find(&query).await.unwrap();
    settle().await;
    assert_eq!(world.times_asked(), 1);
    advance(Duration::from_secs(1)).await;
    // The question itself does not wait.
    let (_, age, is_stale) = world.find(&query).await.unwrap();
    assert_eq!((age, is_stale), (Some(Duration::from_secs(56)), false));
    settle().await;
    assert_eq!(world.times_asked(), 2);
    world.source.may_answer.add_permits(1_000);
    settle().await;
    assert_eq!(world.find(&query).await.unwrap().1, Some(Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn a_source_that_is_down_answers_for_one_more_hold_and_says_so() {
    let world = World::sites(3);
    world.find(&all()).await.unwrap();
    world.fail(Some(ErrorKind::Unreachable));
    advance(HOLD + Duration::from_secs(1)).await;
    let (ids, age, is_stale) = world.find(&all()).await.unwrap();
    assert_eq!((ids.len(), age, is_stale), (3, Some(Duration::from_secs(61)), true));
    // However many ask it is not read by each of them.
    for _ in 0..100 {
        assert!(world.find(&all()).await.unwrap().2);
    }
    assert_eq!(world.times_asked(), 2);
    advance(HOLD).await;
    let error = world.find(&all()).await.unwrap_err();
    assert_eq!((error.kind, error.source_id.as_str()), (ErrorKind::Unreachable, "town"));
    for _ in 0..100 {
        assert!(world.find(&all()).await.is_err());
    }
    assert_eq!(world.times_asked(), 3);
    world.fail(None);
    advance(Duration::from_secs(5)).await;
    let (ids, age, is_stale) = world.find(&all()).await.unwrap();
    assert_eq!((ids.len(), age, is_stale), (3, Some(Duration::ZERO), false));
}

#[tokio::test(start_paused = true)]
async fn a_source_that_hangs_makes_nobody_wait_long_for_what_is_there() {
    let world = World::sites(3);
    world.find(&all()).await.unwrap();
    world.source.may_answer.forget_permits(usize::MAX);
    advance(HOLD + Duration::from_secs(1)).await;
    let began = Instant::now();
    let (_, _, is_stale) = world.find(&all()).await.unwrap();
    assert!(is_stale);
    assert_eq!(began.elapsed(), Duration::from_secs(1));
    // Where nothing is there the question waits as long as it has time.
    advance(HOLD).await;
    let began = Instant::now();
    let error = world.find(&all()).await.unwrap_err();
    assert_eq!(
        (error.kind, began.elapsed()),
        (ErrorKind::Timeout, Duration::from_secs(10))
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_erased_is_gone_at_once_and_nothing_is_kept_again() {
    let world = World::sites(3);
    world.find(&all()).await.unwrap();
    let prepared_before = world.held.prepare(&filtered("size>0"));
    assert!(world.held.status().bytes > 0);
    world.held.erase();
    let erased = world.held.status();
    assert_eq!((erased.entities, erased.bytes, erased.age), (0, 0, None));
    // A question that was prepared before is the source's, and still right.
    let call = call();
    assert_eq!(prepared_before.count(&call).await.unwrap().entities, 2);
    let page = Page { limit: 5, offset: 1 };
    let second: Vec<Yielded> = prepared_before.query(Some(page), &call).try_collect().await.unwrap();
    assert_eq!(second.len(), 1);
    assert_eq!(call.freshness.age(), None);
    for _ in 0..3 {
        assert_eq!(world.find(&all()).await.unwrap().1, None);
        settle().await;
    }
    assert_eq!((world.held.status().entities, world.times_asked()), (0, 1 + 2 + 3));
}

#[tokio::test(start_paused = true)]
async fn a_reading_under_way_when_it_is_erased_keeps_nothing() {
    let world = World::sites(3);
    world.source.may_answer.forget_permits(usize::MAX);
    let query = all();
    let erasing = async {
        settle().await;
        assert_eq!(world.times_asked(), 1);
        world.held.erase();
        world.source.may_answer.add_permits(10);
    };
    let (found, ()) = tokio::join!(world.find(&query), erasing);
    assert_eq!(found.unwrap().1, None);
    settle().await;
    assert_eq!(world.held.status().entities, 0);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_kept_is_asked_of_the_source_and_read_again_seldom() {
    let guarded: Judge = Arc::new(|_| Judged::Nothing);
    let whole: Judge = Arc::new(|_| Judged::Whole);
    let mut other = site(4);
    other.types.push(r#type("Resident"));
    let entities = |all: Vec<Entity>| all.into_iter().map(Yielded::Entity).collect::<Vec<_>>();
    let cases = [
        (
            entities(vec![site(1)]),
            guarded,
            HeldMemory::default(),
            NotHeld::Guarded,
        ),
        (
            entities(vec![site(1), site(1)]),
            Arc::clone(&whole),
            HeldMemory::default(),
            NotHeld::RepeatedId,
        ),
        (
            entities(vec![other]),
            Arc::clone(&whole),
            HeldMemory::default(),
            NotHeld::SeveralTypes,
        ),
        (
            entities((0..9).map(site).collect()),
            Arc::clone(&whole),
            HeldMemory::of(2_000),
            NotHeld::NoRoom,
        ),
    ];
    for (yielded, judge, memory, why) in cases {
        let world = World::with(yielded, judge, &memory);
        let first = world.find(&all()).await.unwrap();
        assert_eq!((first.1, world.held.status().not_held), (None, Some(why)));
        assert_eq!((world.held.status().entities, memory.used()), (0, 0), "{why:?}");
        assert_eq!(world.times_asked(), 2, "read, and asked");
        for _ in 0..10 {
            world.find(&all()).await.unwrap();
            settle().await;
        }
        assert_eq!(world.times_asked(), 12);
        advance(Duration::from_secs(600)).await;
        world.find(&all()).await.unwrap();
        settle().await;
        assert_eq!(world.times_asked(), 14, "asked, and read again");
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_that_takes_longer_to_read_than_the_hold_is_not_kept() {
    let world = World::sites(3);
    let slow = async {
        world.source.may_answer.forget_permits(usize::MAX);
        settle().await;
        advance(HOLD).await;
        world.source.may_answer.add_permits(100);
    };
    let (query, patient) = (all(), Call::until((Instant::now() + HOLD * 2).into_std()));
    let (found, ()) = tokio::join!(world.ask(&query, &patient), slow);
    assert_eq!(found.unwrap().len(), 3);
    assert_eq!(world.held.status().not_held, Some(NotHeld::TooSlow));
    assert_eq!(world.find(&query).await.unwrap().1, None);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_is_too_large_is_not_kept() {
    let world = World::with(
        vec![Yielded::LeftOut(Flaw::NoId); crate::memory::MOST_ENTITIES + 1],
        Arc::new(|_| Judged::Whole),
        &HeldMemory::default(),
    );
    let (page, call) = (Page { limit: 3, offset: 2 }, call());
    let prepared = world.held.prepare(&all());
    let first: Vec<Yielded> = prepared.query(Some(page), &call).try_collect().await.unwrap();
    assert_eq!((first.len(), call.freshness.age()), (3, None));
    assert_eq!(world.held.status().not_held, Some(NotHeld::TooMany));
    // Whoever was about to be answered from memory looks through no more than would have been there.
    assert_eq!(prepared.count(&call).await.unwrap_err().kind, ErrorKind::TooMany);
    assert!(
        !world.held.prepare(&all()).push_down().is_exact(),
        "the next is the source's own"
    );
    let world = World::sites(1);
    world.fail(Some(ErrorKind::TooMany));
    assert!(world.find(&all()).await.is_err());
    assert_eq!(world.held.status().not_held, Some(NotHeld::TooMany));
}

#[tokio::test(start_paused = true)]
async fn what_reads_ends_when_nobody_is_left_and_memory_is_given_back() {
    let memory = HeldMemory::default();
    let source = World::with(vec![Yielded::Entity(site(1))], Arc::new(|_| Judged::Whole), &memory);
    source.find(&all()).await.unwrap();
    assert!(memory.used() > 0);
    let World { source, held } = source;
    drop(held);
    settle().await;
    assert_eq!(memory.used(), 0);
    assert_eq!(Arc::strong_count(&source), 1, "nothing holds the source any more");
}
