use burn::tensor::Device;

use super::*;
use crate::graph::Graph;

/// Two replicas; entry `[r, i, j]` is `100 r + 10 i + j`.
fn matrix(rows: usize, columns: usize) -> Tensor<3> {
    let entry = |r: usize, i: usize, j: usize| (100 * r + 10 * i + j) as f32;
    let values =
        (0..2).flat_map(|r| (0..rows).flat_map(move |i| (0..columns).map(move |j| entry(r, i, j))));
    let values = TensorData::new(values.collect::<Vec<f32>>(), [2, rows, columns]);
    Tensor::from_data(values, &Device::flex())
}

fn values(store: &Store, name: &str) -> Vec<f32> {
    store.get(name).unwrap().clone().into_data().try_to_vec().unwrap()
}

#[test]
fn a_cut_keeps_the_channels_of_each_replica_in_what_makes_follows_and_uses_them() {
    let graph = Graph::perceptron(2, &[3], 2, true);
    let extents = graph.extents().into_iter();
    let store: Store = extents.map(|(name, [a, b])| (name, matrix(a, b))).collect();
    let names =
        |store: &Store| -> Vec<String> { store.iter().map(|(name, _)| name.to_owned()).collect() };
    let (before, all) = (names(&store), store.clone());
    let cut = store.cut(&graph.free_groups()[0], &[vec![0, 2], vec![1, 2]]);
    assert_eq!(names(&cut), before);
    let weight = [0.0, 2.0, 10.0, 12.0, 101.0, 102.0, 111.0, 112.0];
    assert_eq!(values(&cut, "layer_0.weight"), weight);
    assert_eq!(values(&cut, "layer_0.bias"), [0.0, 2.0, 101.0, 102.0]);
    let leaving = [0.0, 1.0, 20.0, 21.0, 110.0, 111.0, 120.0, 121.0];
    assert_eq!(values(&cut, "layer_1.weight"), leaving);
    assert_eq!(values(&cut, "layer_1.bias"), values(&all, "layer_1.bias"));

    // A store that lacks some matrices, such as moments that an optimizer does not have yet.
    let some: Store = [("layer_0.bias".to_owned(), matrix(1, 3))].into_iter().collect();
    let some = some.cut(&graph.free_groups()[0], &[vec![0, 2], vec![1, 2]]);
    assert_eq!((some.len(), some.is_empty()), (1, false));
    assert_eq!(values(&some, "layer_0.bias"), [0.0, 2.0, 101.0, 102.0]);
}

#[test]
#[should_panic(expected = "layer_0 has 3 channels")]
fn a_channel_that_there_is_not_cannot_be_kept() {
    let group = &Graph::perceptron(2, &[3], 2, true).free_groups()[0];
    let _ = Store::default().cut(group, &[vec![0, 3]]);
}

#[test]
#[should_panic(expected = "channels up to 3 are not among 2")]
fn a_group_of_another_graph_is_noticed() {
    let group = &Graph::perceptron(2, &[3], 2, true).free_groups()[0];
    let store: Store = [("layer_0.bias".to_owned(), matrix(1, 2))].into_iter().collect();
    let _ = store.cut(group, &[vec![0, 1], vec![0, 1]]);
}

#[test]
fn channels_are_kept_wherever_they_lie() {
    // a0 a1 . b0 b1 | a0 a1 . b0 b1, where b is the same as a.
    let spans = [0, 3].map(|offset| Span { offset, stride: 5, repeat: 2 });
    assert_eq!(left(10, 2, &spans, &[1]), [1, 2, 4, 6, 7, 9]);
    assert_eq!(left(3, 3, &[Span::once(0, 3)], &[2, 0]), [2, 0]);
    assert_eq!(left(6, 2, &[Span::once(3, 2)], &[0]), [0, 1, 2, 3, 5]);
}

#[test]
fn replicas_are_taken_and_put_together() {
    let store: Store = [("a".to_owned(), matrix(1, 2))].into_iter().collect();
    let last = store.keep_replicas(&[1]);
    assert_eq!(values(&last, "a"), [100.0, 101.0]);
    let both = Store::cat(&[&last, &store]);
    assert_eq!(values(&both, "a"), [100.0, 101.0, 0.0, 1.0, 100.0, 101.0]);
    assert!(Store::cat(&[]).is_empty());
    let failed = store.try_map(|name, _| Err::<Tensor<3>, String>(name.to_owned()));
    assert_eq!(failed.unwrap_err(), "a");
}
