use super::*;
use crate::operator::{apply, apply_transposed};

#[test]
fn a_large_product_is_the_same_within_the_pool_and_outside() {
    let (n, m) = (600, 1 << 11);
    let entry = |i: usize| ((i * 2_654_435_761 % 1000) as f64 - 500.0) / 7.0;
    let a = Matrix::from_rows(n, m, (0..n * m).map(entry).collect::<Vec<_>>()).unwrap();
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let three = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
    for batch in [1, 2, 64] {
        let x: Vec<f64> = (0..batch * m).map(entry).collect();
        let y: Vec<f64> = (0..batch * n).map(entry).collect();
        let both = || {
            let (mut image, mut back) = (vec![0.0; batch * n], vec![0.0; batch * m]);
            a.apply(&x, &mut image);
            a.apply_transposed(&y, &mut back);
            (image, back)
        };
        assert!(both() == one.install(both), "{batch}");
        assert!(both() == three.install(both), "{batch}");
    }
}

#[test]
fn products_are_adjoint() {
    let a = Matrix::from_rows(2, 3, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
    assert_eq!(apply(&a, &[1.0, 0.0, -1.0]), [-2.0, -2.0]);
    assert_eq!(apply_transposed(&a, &[1.0, 1.0]), [5.0, 7.0, 9.0]);
    let mut selected = [0.0; 4];
    a.select(&[1, 0], &mut selected);
    assert_eq!(selected, [2.0, 5.0, 1.0, 4.0]);
}

#[test]
fn the_order_in_memory_changes_nothing() {
    for (n, m) in [(1, 1), (2, 3), (31, 17), (40, 8), (5, 25)] {
        let rows: Vec<f64> = (0..n * m).map(|i| (i * 7919 % 1000) as f64 / 7.0).collect();
        let columns: Vec<f64> = (0..m)
            .flat_map(|j| (0..n).map(move |i| (i, j)))
            .map(|(i, j)| rows[i * m + j])
            .collect();
        let by_rows = Matrix::from_rows(n, m, rows.clone()).unwrap();
        let by_columns = Matrix::shared([n, m], Order::Columns, Arc::new(columns)).unwrap();
        assert_eq!(by_columns.entries(), rows);
        assert_eq!(by_columns.column_norms, by_rows.column_norms);
        let v: Vec<f64> = (0..n).map(|i| i as f64 - 3.3).collect();
        let twofold = by_columns.apply_transposed_twofold(&v);
        assert_eq!(twofold, by_rows.apply_transposed_twofold(&v));
        let product = apply_transposed(&by_columns, &v);
        let close = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-12 * (1.0 + b.abs());
        assert!(product.iter().zip(&twofold).all(close), "{n} × {m}");
        let x: Vec<f64> = (0..m).map(|j| 1.7 - j as f64).collect();
        let products = (apply(&by_columns, &x), apply(&by_rows, &x));
        assert!(products.0.iter().zip(&products.1).all(close), "{n} × {m}");
        let ids = [m - 1, 0];
        let mut selected = (vec![0.0; 2 * n], vec![0.0; 2 * n]);
        by_columns.select(&ids, &mut selected.0);
        by_rows.select(&ids, &mut selected.1);
        assert_eq!(selected.0, selected.1);
        assert_eq!(by_columns.divided(3).entries(), by_rows.divided(3).entries());
    }
}

#[test]
fn shared_entries_are_used_where_they_are() {
    let entries: Arc<Vec<f64>> = Arc::new(vec![1.0, 2.0, 3.0, 4.0]);
    let a = Matrix::shared([2, 2], Order::Rows, Arc::clone(&entries) as Arc<_>).unwrap();
    assert!(std::ptr::eq(a.clone().stored(), entries.as_slice()));
}

#[test]
fn twice_the_precision_survives_cancellation() {
    // 1e16 + 1 − 1e16, and 1/3 · 3 − 1 with the rounding error of the third.
    let a = Matrix::from_rows(3, 2, [1e16, 1.0 / 3.0, 1.0, 1.0, -1e16, 0.0]).unwrap();
    assert_eq!(a.apply_transposed_twofold(&[1.0, 1.0, 1.0])[0], 1.0);
    let off = a.apply_transposed_twofold(&[3.0, -1.0, 0.0])[1];
    assert_eq!(off, -0.5 * f64::EPSILON / 2.0);
    assert_eq!(apply_transposed(&a, &[1.0, 1.0, 1.0]).len(), 2);
}

#[test]
fn a_batch_is_one_vector_after_the_other() {
    let a = Matrix::from_rows(1, 2, [1.0, 10.0]).unwrap();
    let mut product = [0.0; 3];
    a.apply(&[1.0, 0.0, 0.0, 1.0, 2.0, 2.0], &mut product);
    assert_eq!(product, [1.0, 10.0, 22.0]);
    let mut transposed = [0.0; 4];
    a.apply_transposed(&[1.0, -1.0], &mut transposed);
    assert_eq!(transposed, [1.0, 10.0, -1.0, -10.0]);
}

#[test]
fn refuses_what_is_no_matrix() {
    assert!(Matrix::from_rows(2, 2, [0.0; 3]).is_err());
    assert!(Matrix::from_rows(0, 2, []).is_err());
    assert!(matches!(
        Matrix::from_rows(usize::MAX, 2, []),
        Err(SolverError::TooLarge { what: "the matrix", .. })
    ));
    assert!(matches!(
        Matrix::from_rows(1, 2, [0.0, f64::NAN]),
        Err(SolverError::NotFinite { what: "a", index: 1, .. })
    ));
}
