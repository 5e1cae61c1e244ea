//! A generator of texts that look like somebody's numbers and addresses and are nobody's.

#![allow(
    clippy::string_slice,
    reason = "what is cut is of ASCII, and cut where it was put together"
)]

use proptest::prelude::*;
use proptest::sample::select;

use super::every_way::seeded;
use super::hands::{NUMERALS, in_numerals};
use super::text::hits;

fn time() -> impl Strategy<Value = String> {
    (0_u32..24, select(vec![0_u32, 15, 30, 45])).prop_map(|(hour, minute)| format!("{hour}:{minute:02}"))
}

fn date() -> impl Strategy<Value = String> {
    (1980_u32..2060, 1_u32..13, 1_u32..32, select(vec!["-", "/", ".", ""]))
        .prop_map(|(year, month, day, joint)| format!("{year}{joint}{month:02}{joint}{day:02}"))
}

fn fixed_line() -> impl Strategy<Value = String> {
    let area = select(vec![
        "03", "06", "028", "0283", "0287", "054", "0538", "0120", "0570", "0800",
    ]);
    let joints = select(vec![
        ("-", "-"),
        ("(", ")"),
        (" ", " "),
        ("ー", "ー"),
        ("－", "－"),
        ("", ""),
    ]);
    (area, 1_u32..10, 0_u32..10_000_000, joints, any::<bool>()).prop_map(
        |(area, first, others, (one, two), brackets)| {
            let rest = format!("{first}{others:07}");
            let rest = &rest[..10 - area.len()];
            let (exchange, number) = rest.split_at(rest.len() - 4);
            if area == "0800" {
                return format!("0800-{first}23-{number}");
            }
            if brackets {
                format!("({area}){exchange}-{number}")
            } else {
                format!("{area}{one}{exchange}{two}{number}")
            }
        },
    )
}

/// Texts of published files.
fn nobodys() -> impl Strategy<Value = String> {
    let hours = (
        time(),
        time(),
        time(),
        time(),
        select(vec!["-", "～", "〜", "－"]),
        select(vec!["、", " ", "/", "・", ","]),
    )
        .prop_map(|(one, two, three, four, until, and)| format!("{one}{until}{two}{and}{three}{until}{four}"));
    let dated = (date(), time(), select(vec![" ", "T", "　"]), 0_u32..60)
        .prop_map(|(date, time, and, second)| format!("{date}{and}{time}:{second:02}"));
    let span = (date(), date()).prop_map(|(one, other)| format!("{one}～{other}"));
    let place = (
        20.0_f64..46.0,
        122.0_f64..154.0,
        1_usize..12,
        select(vec![",", ", ", " ", "/"]),
    )
        .prop_map(|(latitude, longitude, digits, and)| format!("{latitude:.digits$}{and}{longitude:.digits$}"));
    let lines = (
        fixed_line(),
        fixed_line(),
        select(vec!["、", " / ", "　", " FAX ", "(代表) "]),
    )
        .prop_map(|(one, other, and)| format!("{one}{and}{other}"));
    let postal = ("〒[0-9]{3}-[0-9]{4}", 1_u32..9999, select(vec!["番地", "番", "-2"]))
        .prop_map(|(code, number, behind)| format!("{code} {number}{behind}"));
    let money = (1_u64..999, 0_u64..1000, 0_u64..1000, 0_u64..1000)
        .prop_map(|(one, two, three, four)| format!("{one},{two:03},{three:03},{four:03}円"));
    let rooms = (1_u32..9000, 3_usize..6, select(vec!["、", ",", "・", " "])).prop_map(|(first, count, and)| {
        let rooms: Vec<String> = (0..count as u32).map(|room| format!("{:04}", first + room)).collect();
        rooms.join(and)
    });
    let vertical = ("[一二三四五六七八九]{1,2}", "[一二三四五六七八九]", 0_u32..28, select(vec!["二〇二", "二○二", "令和"])).prop_map(
        |(street, number, day, era)| {
            let day: String = day.to_string().chars().map(|digit| in_numerals(&digit.to_string(), &(NUMERALS[0], "〇", vec![false]))).collect();
            format!("{street}丁目{number}番{number}号 {era}{number}年{street}月{day}日 〒三二七ー八五〇一 電話〇二八三ー二四ー五一一{number}")
        },
    );
    let blanks = select(vec![
        "記入例：090-○○○○-○○○○",
        "〇〇〇-〇〇〇〇-〇〇〇〇",
        "○○町○○番地 ○0283-24-5111",
        "○○0283245111",
        "0283一24一5111",
        "一、二、三、四、五、六、七、八、九、十",
        "第一・第二・第三体育館、一部二部三部四部五部六部",
        "フォローは@sano.kankou、公式アカウント@sano_city",
        "単価100円@3.5人、りんご@100.各種",
        "集合は体育館@佐野。担当は田中です。",
        "Q&A、R&amp;D、50％OFF、100%です、A_x_B",
        "佐野市＆矢板市 ￥1,000 C:\\users\\x",
        "Instagram @sano.kankou / X @sano_city、LINE @example.com、follow us @example.jp",
        "イベント★example.com（詳細はこちら）、Cafe (at 2F)、[AT限定]、site: example.com",
        "<p>第1体育館<br>第2体育館</p><ul><li>1234</li><li>5678</li><li>9012</li></ul>",
        "<table><tr><td>0283</td><td>24</td><td>5111</td></tr></table> a<b and c>d",
        "https://example.com/a?id=40&x=1&width=40px.html",
        "第Ⅱ期 Ⅲ類 ❶受付 ❷相談 ❸審査 ❹交付 ❺❻❼❽❾❿",
        "이 시설은 사전 예약 일자와 오전 구 시부터 이용 가능, 공공 도서관 팔 층 육 호",
    ])
    .prop_map(str::to_owned);
    let codes = ("0[0-9]{4}", 0_u32..9999).prop_map(|(code, serial)| format!("{code}-{serial:07}"));
    // What is filled up with zeros, times in milliseconds and microseconds, and GTIN with a zero more.
    let serials = prop_oneof![
        "0000[0-9]{9,14}",
        "1[78][0-9]{11}",
        "1[78][0-9]{14}",
        "0?4[59][0-9]{11}"
    ];
    let machine = (any::<u8>(), any::<u8>(), any::<u8>(), any::<u8>())
        .prop_map(|(one, two, three, four)| format!("{one}.{two}.{three}.{four}"));
    prop_oneof![
        hours,
        dated,
        span,
        place,
        fixed_line(),
        lines,
        postal,
        money,
        rooms,
        codes,
        serials,
        machine,
        vertical,
        blanks
    ]
}

proptest! {
    #![proptest_config(seeded())]

    #[test]
    fn what_is_nobodys_is_left_alone(text in nobodys()) {
        prop_assert_eq!(hits(&text, false), vec![], "{}", text);
    }
}
