//! Tables read and written, and the lines that are refused.

use super::*;

const HEADS: &str = "kind,model,above,input,output,cache_read,cache_write,cache_write_1h,reasoning,audio_input,audio_output,image_input,image_output,batch";

fn text(rows: &str) -> String {
    format!(
        "# source: https://example.test/list\n# source: https://example.test/own\n# date: 2026-08-01\n{HEADS}\n{rows}"
    )
}

#[test]
fn rows_and_tiers_are_read() {
    let text = text("one,a,,3,15,1,,,,,,,,50\none,a,200,6\none,a,500,,30,2\none,b,,1,2\ntwo,a,,7,0\n");
    let table = Table::parse(&text).expect("a table");
    assert_eq!(table.sources(), ["https://example.test/list", "https://example.test/own"]);
    assert_eq!(table.date(), "2026-08-01");
    let names: Vec<_> = table.rows().iter().map(|row| (row.kind, row.model)).collect();
    assert_eq!(names, [("one", "a"), ("one", "b"), ("two", "a")]);
    let expected = Price::new(Figures::new(3, 15).with(Class::CacheRead, 1))
        .expect("a price")
        .tier(200, Figures::default().with(Class::Input, 6))
        .tier(500, Figures::default().with(Class::Output, 30).with(Class::CacheRead, 2))
        .batched_at(50);
    assert_eq!(table.find("one", "a"), Some(&expected));
    assert_eq!(table.find("two", "b"), None);
    assert_eq!(table.find("three", "a"), None);
    assert_eq!(table.to_string(), text, "what is written is what was read");
}

#[test]
fn a_table_of_rows_is_in_order_and_says_a_model_once() {
    let row =
        |kind, model, input| Row { kind, model, price: Price::new(Figures::new(input, 0)).expect("a price") };
    let table = Table::new(
        Vec::new(),
        "",
        vec![row("b", "x", 1), row("a", "y", 2), row("a", "x", 3), row("a", "y", 4)],
    );
    let rows: Vec<_> =
        table.rows().iter().map(|row| (row.kind, row.model, row.price.base().of(Class::Input))).collect();
    assert_eq!(rows, [("a", "x", 3), ("a", "y", 2), ("b", "x", 1)]);
}

#[test]
fn a_line_that_is_none_is_named() {
    let check = |rows: &str, line, why| {
        assert_eq!(Table::parse(&text(rows)).map(|table| table.rows), Err(Malformed { line, why }), "{rows}");
    };
    check("a,x,,1,2\na,x,,1,2\n", 6, "it does not come behind the row before it");
    check("b,x,,1,2\na,x,,1,2\n", 6, "it does not come behind the row before it");
    check("a,x,,1\n", 5, "input or output is missing");
    check("a\n", 5, "input or output is missing");
    check("a,x,,1.5,2\n", 5, "a figure is not a whole number");
    check("a,x,,-1,2\n", 5, "a figure is not a whole number");
    check("a,x,5,1,2\n", 5, "a tier comes behind its model");
    check("a,x,,1,2\na,y,5,1,2\n", 6, "a tier comes behind its model");
    check("a,x,,1,2\na,x,5,3\na,x,5,4\n", 7, "a tier lies above the one before it");
    check("a,x,,1,2\na,x,0,3\n", 6, "a tier lies above the one before it");
    check("a,x,,1,2\na,x,5,3,,,,,,,,,,50\n", 6, "a tier has no share of its own for batches");
    check("a,x,,1,2,,,,,,,,,50,1\n", 5, "it has more cells than there are heads");
    check("a,x,,1,2,,,,,,,,,300\n", 5, "a figure is not a whole number");
    let heads = Table::parse("kind,model\n").map(|table| table.rows);
    assert_eq!(heads, Err(Malformed { line: 1, why: "it is not the line of heads" }));
    let error = Malformed { line: 7, why: "input or output is missing" };
    assert_eq!(error.to_string(), "line 7 of the prices: input or output is missing");
}
