use burn::tensor::Tolerance;
use rayclip_data::Statistics;

use super::*;

/// The same images on a device, in blocks of this many bytes.
fn on_device(split: &Split, shape: Shape, scale: &PixelScale, block_bytes: usize) -> DeviceImages {
    stored(
        split,
        shape,
        scale,
        OnDevice { device: &Device::flex(), block_bytes, memory: usize::MAX },
    )
}

/// The same images on a device whose memory cannot hold bytes of images.
fn beside_device(split: &Split, shape: Shape, scale: &PixelScale) -> DeviceImages {
    stored(split, shape, scale, OnDevice { device: &Device::flex(), block_bytes: 16, memory: 0 })
}

fn stored(split: &Split, shape: Shape, scale: &PixelScale, on: OnDevice<'_>) -> DeviceImages {
    let store = Store::new(split.images.clone(), shape.numbers(), scale, Some(on));
    DeviceImages { store, ..DeviceImages::upload(split.clone(), shape, scale, on.device) }
}

fn values(images: Tensor<3>) -> Vec<f32> {
    images.into_data().try_to_vec().unwrap()
}

/// Returns pixels or floats, each with its place as its value.
fn counted(count: u8) -> [Values; 2] {
    let floats: Vec<f32> = (0..count).map(|value| f32::from(value) / 255.0).collect();
    [(0..count).collect::<Vec<u8>>().into(), floats.into()]
}

#[test]
fn changed_images_are_the_same_from_memory_and_from_the_device() {
    let device = Device::flex();
    let (image, shape) = (Shape { height: 2, width: 3, channels: 2 }, Shape::vector(12));
    let change = |shift, flip| Change { shift, flip };
    let changes =
        [vec![change([0, 0], false), change([1, -1], true)], vec![change([0, 0], true); 2]];
    let scale = PixelScale::all(0.0, 1.0 / 255.0);
    for images in counted(36) {
        let split = Split { images, labels: vec![0, 1, 2] };
        let host = DeviceImages::upload(split.clone(), shape, &scale, &device).of_images(image);
        let there = on_device(&split, shape, &scale, BLOCK_BYTES).of_images(image);
        let beside = beside_device(&split, shape, &scale).of_images(image);
        let found = [host, there, beside].map(|images| -> Vec<u8> {
            // A list that both replicas share.
            let batch = images.changed_batch(&[vec![0, 2]], &changes).unwrap();
            assert_eq!(batch.images.dims(), [2, 2, 12]);
            values(batch.images).into_iter().map(|value| value.round() as u8).collect()
        });
        assert_eq!(found[0][..12], (0..12).collect::<Vec<u8>>());
        assert_eq!(found[0][12..24], [0, 0, 0, 0, 0, 0, 26, 27, 24, 25, 0, 0]);
        assert_eq!(found[0][24..36], [4, 5, 2, 3, 0, 1, 10, 11, 8, 9, 6, 7]);
        assert_eq!([&found[1], &found[2]], [&found[0]; 2]);
    }
}

#[test]
fn what_comes_in_from_outside_is_zero_in_every_channel() {
    let image = Shape { height: 1, width: 2, channels: 2 };
    let statistics = Statistics { mean: vec![1.0, 3.0].into(), deviation: vec![0.5, 0.25].into() };
    let scale = PixelScale::new(statistics);
    let changes = [vec![Change { shift: [0, 1], flip: false }]];
    let floats = vec![1.0_f32, 3.0, 2.0, 4.0];
    for (images, first) in [(vec![255_u8; 4].into(), [0.0, -8.0]), (floats.into(), [0.0, 0.0])] {
        let split = Split { images, labels: vec![0] };
        let host = DeviceImages::upload(split.clone(), image, &scale, &Device::flex());
        let there = on_device(&split, image, &scale, BLOCK_BYTES);
        for images in [host, there] {
            let changed = values(images.changed_batch(&[vec![0]], &changes).unwrap().images);
            assert_eq!(changed, [-2.0, -12.0, first[0], first[1]]);
        }
    }
}

#[test]
fn a_batch_from_the_device_is_the_batch_from_memory() {
    let device = Device::flex();
    let pixels = 6;
    let bytes: Vec<u8> = (0..5 * pixels).map(|i| (i * 37 % 256) as u8).collect();
    let floats: Vec<f32> = bytes.iter().map(|byte| f32::from(*byte) * 1e3 + 0.1).collect();
    let each = (0..3).map(|channel| f64::from(channel) / 10.0 + 0.1).collect::<Vec<f64>>();
    let each = Statistics { mean: 0.3.into(), deviation: each.into() };
    for scale in [PixelScale::all(0.3, 0.2), PixelScale::new(each)] {
        for images in [Values::from(bytes.clone()), floats.clone().into()] {
            let split = Split { images, labels: vec![0, 1, 2, 3, 4] };
            let shape = Shape::vector(pixels);
            let host = DeviceImages::upload(split.clone(), shape, &scale, &device);
            // One block for all images, then one or two images per block.
            for block_bytes in [BLOCK_BYTES, 16] {
                let there = on_device(&split, shape, &scale, block_bytes);
                // The lists of replicas with one seed are equal.
                let indices = [vec![4, 0, 0], vec![1, 2, 3], vec![4, 0, 0]];
                let [from_host, batch] =
                    [&host, &there].map(|images| images.batch(&indices).unwrap());
                assert_eq!(from_host.images.dims(), [3, 3, 6]);
                let expected = from_host.images.into_data();
                batch.images.into_data().assert_approx_eq::<f32>(&expected, Tolerance::default());
                let labels = batch.labels.into_data().convert::<i32>();
                assert_eq!(labels.try_to_vec::<i32>().unwrap(), [4, 0, 0, 1, 2, 3, 4, 0, 0]);
                let beside = beside_device(&split, shape, &scale).batch(&indices).unwrap();
                let again = there.batch(&indices).unwrap().images;
                assert_eq!(values(beside.images), values(again), "to the bit");
            }
        }
    }
}

#[test]
fn every_channel_has_its_own_normalisation() {
    let device = Device::flex();
    let columns = Statistics { mean: vec![10.0, -1.0].into(), deviation: vec![2.0, 0.5].into() };
    let table = Split { images: vec![10_f32, -1.0, 14.0, 0.0].into(), labels: vec![0, 1] };
    let scale = PixelScale::new(columns);
    let images = DeviceImages::upload(table, Shape::vector(2), &scale, &device);
    assert_eq!(values(images.batch(&[vec![1, 0]]).unwrap().images), [2.0, 2.0, 0.0, 0.0]);
    // A network that reads vectors reads the channels of an image in turn.
    let colours = Statistics { mean: vec![0.0, 1.0].into(), deviation: 1.0.into() };
    let pixels = Split { images: vec![255_u8, 255, 0, 0].into(), labels: vec![0] };
    let scale = PixelScale::new(colours);
    let images = DeviceImages::upload(pixels, Shape::vector(4), &scale, &device);
    assert_eq!(values(images.batch(&[vec![0]]).unwrap().images), [1.0, 0.0, 0.0, -1.0]);
}
