use std::fs;

use super::*;

/// Half of a class of two rows is held out.
fn options() -> LoadOptions {
    LoadOptions { test_fraction: 0.5, ..LoadOptions::default() }
}

fn read_text(text: &str) -> Result<Dataset, DataError> {
    parse(text.as_bytes(), Path::new("some.csv"), &options())
}

fn refused(text: &str) -> String {
    let message = read_text(text).unwrap_err().to_string();
    assert!(message.starts_with("some.csv: "), "{message}");
    message
}

/// The rows of both splits, by their first value.
fn rows(data: &Dataset) -> Vec<(Vec<f32>, u8)> {
    let of_split = |split: &Split| {
        let rows = split.images.floats().unwrap().chunks(data.image_shape[0]).map(<[f32]>::to_vec);
        rows.zip(split.labels.clone()).collect::<Vec<_>>()
    };
    let mut rows = [of_split(&data.train), of_split(&data.test)].concat();
    rows.sort_by(|a, b| a.0[0].total_cmp(&b.0[0]));
    rows
}

#[test]
fn labels_are_text_or_numbers_and_every_other_column_is_a_number() {
    let text = "\u{feff}a, Class,\"b,c\"\n1, wet, -2.5e-1\n2, dry, 7\n\n3, wet, 0\r\n4, dry, 1e9\n";
    let data = read_text(text).unwrap();
    assert_eq!((&data.image_shape[..], data.classes), (&[2][..], 2));
    assert_eq!(data.class_names, ["dry", "wet"]);
    let expected = [([1.0, -0.25], 1), ([2.0, 7.0], 0), ([3.0, 0.0], 1), ([4.0, 1e9], 0)];
    assert_eq!(rows(&data), expected.map(|(row, label)| (row.to_vec(), label)));
    assert_eq!((data.train.len(), data.test.len()), (2, 2));
    let numbered = read_text("x,y\n1,10\n2,9\n3,10\n4,9\n5,-1\n6,-1\n").unwrap();
    assert_eq!(numbered.class_names, ["-1", "9", "10"]);
    assert_eq!(
        rows(&numbered).into_iter().map(|row| row.1).collect::<Vec<_>>(),
        [2, 1, 2, 1, 0, 0]
    );
}

#[test]
fn the_label_column_can_be_named() {
    let text = "kind,y,x\na,1,2\na,1,2\nb,3,4\nb,3,4\n";
    let named = LoadOptions { label_column: Some("kind".into()), ..options() };
    let data = parse(text.as_bytes(), Path::new("some.csv"), &named).unwrap();
    assert_eq!(data.class_names, ["a", "b"]);
    assert_eq!(read_text("y,x\n1,2\n1,2\n3,4\n3,4\n").unwrap().class_names, ["1", "3"]);
}

#[test]
fn a_folder_has_its_split() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    let read = || load(folder.path(), &LoadOptions::default(), &|_, _| ());
    write("train.csv", "a,label\n1,b\n2,a\n3,c\n");
    assert!(is_csv_folder(folder.path()));
    assert!(read().unwrap_err().to_string().contains("test.csv"));
    write("test.csv", "a,label\n4,c\n");
    let data = read().unwrap();
    assert_eq!((data.train.labels, data.test.labels), (vec![1, 0, 2], vec![2]));
    assert_eq!((data.test.images, data.classes), (vec![4_f32].into(), 3));
    assert!(data.folder.unwrap().is_absolute());
    let refused = |text: &str| {
        write("test.csv", text);
        let message = read().unwrap_err().to_string();
        assert!(message.contains("test.csv"), "{message}");
        message
    };
    let other = refused("a,label\n4,d\n");
    assert!(other.contains("line 2, column label: no row of train.csv has the label d"), "{other}");
    let other = refused("b,label\n4,c\n");
    assert!(other.contains("the column b is a in train.csv"), "{other}");
    let other = refused("a,b,label\n4,1,c\n");
    assert!(other.contains("it has 2 columns, but train.csv has 1"), "{other}");
}

#[test]
fn says_where_it_is_wrong_and_what_to_do() {
    let many = (0..257).map(|row| format!("{row},{row}\n")).collect::<Vec<_>>().concat();
    let wide = (0..20).map(|column| format!("c{column},")).collect::<Vec<_>>().concat();
    let cases = [
        ("", "fewer than two columns"),
        ("label\n1\n", "fewer than two columns"),
        ("a;label\n1;2\n", "with commas between"),
        (",a,label\n0,1,x\n", "column 1 has no name; if it numbers the rows"),
        ("a,b\n1,2\n", "no column is called label, class, target, y"),
        ("a,b\n1,2\n", "it has: a, b"),
        (&format!("{wide}z\n"), "c10, c11, …"),
        ("a,class,y\n1,2,3\n", "several columns may have the labels: class, y; name one"),
        ("a,label\n", "no rows after its header"),
        ("a,label\n1,x\n,y\n", "line 3, column a: the value is missing; put a number in"),
        ("a,label\n1,x\n2,\n", "line 3, column label: the label is missing"),
        ("a,label\n1,x\nred,y\n", "line 3, column a: red is not a number"),
        ("a,label\nNaN,x\n", "line 2, column a: NaN is not finite"),
        ("a,label\n-inf,x\n", "-inf is not finite"),
        ("a,label\n1e40,x\n", "1e40 is not finite, or too large for f32"),
        ("a,label\n1,x\n1\n", "line 3: it has 1 values, but the header has 2"),
        ("a,label\n1,x,3\n", "line 2: it has 3 values"),
        ("a,label\n1,x\n2,x\n", "every label of the training rows is x; at least two"),
        ("a,label\n1,x\n2,y\n", "too few rows to hold some out"),
        (&format!("a,label\n{many}"), "line 258, column label: there are more than 256"),
        ("a\u{1b}[2J,label\n\u{1b}[2J,x\n", "column a\u{fffd}[2J: \u{fffd}[2J is not"),
    ];
    for (text, expected) in cases {
        let message = refused(text);
        assert!(message.contains(expected), "{expected}: {message}");
    }
    let latin = parse(b"a,label\n1,\xe4\n", Path::new("some.csv"), &options()).unwrap_err();
    assert!(latin.to_string().contains("line 2: it is not text in UTF-8"), "{latin}");
    let named = LoadOptions { label_column: Some("kind".into()), ..options() };
    let none = parse(b"a,label\n1,x\n", Path::new("some.csv"), &named).unwrap_err().to_string();
    assert!(none.contains("no column kind; it has: a, label"), "{none}");
}
