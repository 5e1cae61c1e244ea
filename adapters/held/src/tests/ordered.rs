//! What is answered in an order is in that of the evaluator, the first first.

use kakehashi_contract::Foremost;
use ngsi_ld::query::Ordering as Order;

use super::*;

/// Numbers that look random and are the same each time.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: f64) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64 * below
    }

    /// A position: anywhere, in one town, or where meridians meet.
    fn position(&mut self) -> (f64, f64) {
        match self.next(4.0) as u8 {
            0 => (self.next(360.0) - 180.0, self.next(180.0) - 90.0),
            1 => (179.9 + self.next(0.2), self.next(2.0) - 1.0),
            2 => (self.next(360.0) - 180.0, 88.5 + self.next(1.5)),
            _ => (139.5 + self.next(0.2), 36.3 + self.next(0.2)),
        }
    }
}

fn on_the_globe((longitude, latitude): (f64, f64)) -> (f64, f64) {
    (
        if longitude > 180.0 {
            longitude - 360.0
        } else {
            longitude
        },
        latitude,
    )
}

/// Sites with a place, a line, several places or none.
fn sites(count: usize, numbers: &mut Numbers) -> Vec<Entity> {
    let mut point = || {
        let (longitude, latitude) = on_the_globe(numbers.position());
        format!("[{longitude}, {latitude}]")
    };
    let geometry = |r#type: &str, coordinates: String| {
        format!(r#"{{"type": "GeoProperty", "value": {{"type": "{type}", "coordinates": {coordinates}}}}}"#)
    };
    let sites = (0..count).map(|number| {
        let location = match number % 7 {
            0 => String::new(),
            1 => format!(
                r#", "location": {}"#,
                geometry("LineString", format!("[{}, {}]", point(), point()))
            ),
            2 => {
                let more = geometry("Point", point()).replacen('{', r#"{"datasetId": "urn:d", "#, 1);
                format!(r#", "location": [{}, {more}]"#, geometry("Point", point()))
            }
            _ => format!(r#", "location": {}"#, geometry("Point", point())),
        };
        let text = format!(
            r#"{{"id": "urn:ngsi-ld:Site:{number:04}", "type": "Site", "size": {{"type": "Property", "value": {}}},
                "name": {{"type": "Property", "value": "{}"}}{location}}}"#,
            number % 10,
            (number * 7) % 13
        );
        parse_entity(text.as_bytes(), Context::core()).unwrap()
    });
    sites.collect()
}

async fn in_order(world: &World, query: &SourceQuery, order: &Order, many: usize) -> Vec<Entity> {
    let stream = world
        .held
        .prepare(query)
        .ordered(order, Foremost::ALL, &call())
        .unwrap();
    let first: Vec<Yielded> = stream.take(many).try_collect().await.unwrap();
    first.into_iter().filter_map(Yielded::entity).collect()
}

#[tokio::test(start_paused = true)]
async fn the_first_come_first_whatever_the_order_is() {
    let mut numbers = Numbers(17);
    let entities = sites(300, &mut numbers);
    let world = World::of(entities.clone());
    let all = all();
    let some = filtered("size>=8|name==\"3\"");
    world.find(&all).await.unwrap();
    let mut orders: Vec<Order> = ["size", "name,size;desc", "size;desc,id", "location"]
        .iter()
        .map(|order_by| Order::parse(order_by, None, None, None, Context::core()).unwrap())
        .collect();
    for turn in 0..60 {
        let (longitude, latitude) = on_the_globe(numbers.position());
        let order_by = ["location;dist-asc", "location;dist-asc,name", "location;dist-desc"][turn % 3];
        let from = format!("[{longitude}, {latitude}]");
        let (from, geometry) = match turn % 5 {
            0 => (format!("[{from}, [139.5, 36.4]]"), "LineString"),
            _ => (from, "Point"),
        };
        orders.push(Order::parse(order_by, Some(&from), Some(geometry), None, Context::core()).unwrap());
    }
    // Without anything that finds the nearest, and with it.
    for _ in 0..2 {
        for order in &orders {
            for query in [&all, &some] {
                let meant = entities
                    .iter()
                    .filter(|entity| query.filter.as_ref().is_none_or(|filter| filter.matches(entity)));
                let expected = order.sort(meant.cloned().collect());
                assert!(expected.len() > 50);
                let ids = |entities: &[Entity]| entities.iter().map(|entity| entity.id.clone()).collect::<Vec<_>>();
                let (first, whole) = (
                    in_order(&world, query, order, 5).await,
                    in_order(&world, query, order, usize::MAX).await,
                );
                assert_eq!(ids(&first), ids(&expected[..5]), "{order:?}");
                assert_eq!(ids(&whole), ids(&expected), "{order:?}");
            }
        }
        settle().await;
    }
    assert_eq!(world.times_asked(), 1);
    // Where the source has to be asked after all it is the same.
    let prepared = world.held.prepare(&all);
    world.held.erase();
    let stream = prepared.ordered(&orders[4], Foremost::ALL, &call()).unwrap();
    let asked: Vec<Yielded> = stream.try_collect().await.unwrap();
    let expected: Vec<Yielded> = orders[4].sort(entities).into_iter().map(Yielded::Entity).collect();
    assert_eq!(asked, expected);
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_is_told_however_few_are_wanted() {
    let mut yielded: Vec<Yielded> = (0..3).map(site).map(Yielded::Entity).collect();
    yielded.push(Yielded::LeftOut(Flaw::NoId));
    let world = World::with(yielded, Arc::new(|_| Judged::Whole), &HeldMemory::default());
    let order = Order::parse("size;desc", None, None, None, Context::core()).unwrap();
    let stream = world
        .held
        .prepare(&all())
        .ordered(&order, Foremost::ALL, &call())
        .unwrap();
    let first: Vec<Yielded> = stream.take(2).try_collect().await.unwrap();
    assert_eq!(first, [Yielded::LeftOut(Flaw::NoId), Yielded::Entity(shown(2))]);
}

/// A site as it is kept.
fn shown(number: usize) -> Entity {
    let mut site = site(number);
    site.attributes
        .retain(|attribute| all().attributes.includes(&attribute.name));
    site
}
