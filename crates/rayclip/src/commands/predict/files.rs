//! The images in the files that `predict` is given.

use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};
use rayclip_data::{ValueType, Values, images, numpy};

use crate::args::{BadImageChoice, PredictArgs};
use crate::commands::reads::Reads;
use crate::output;

/// The name of an image.
pub(super) struct Named {
    pub(super) file: PathBuf,
    /// Its number in a .npy file.
    pub(super) index: Option<usize>,
}

/// Images with their names, one after the other.
pub(super) struct NamedImages {
    pub(super) names: Vec<Named>,
    pub(super) values: Values,
}

/// Reads files as a network reads images.
pub(super) struct Files<'a> {
    args: &'a PredictArgs,
    reads: &'a Reads,
    /// The type of the numbers: as the network says, otherwise that of the first image.
    values: Option<ValueType>,
}

impl Named {
    /// Returns its name as it is shown.
    pub(super) fn shown(&self) -> String {
        let file = output::path(&self.file);
        self.index.map_or(file.clone(), |index| format!("{file}[{index}]"))
    }
}

impl<'a> Files<'a> {
    pub(super) fn new(args: &'a PredictArgs, reads: &'a Reads) -> Self {
        Self { args, reads, values: reads.values }
    }

    /// Reads the images of some files; `None` if all are left out. Damaged ones are, if the arguments say so.
    ///
    /// # Errors
    /// A file cannot be read, or has no images for the network.
    pub(super) fn read(&mut self, files: &[PathBuf]) -> anyhow::Result<Option<NamedImages>> {
        let shape = &self.reads.shape;
        let (arrays, pictures): (Vec<PathBuf>, Vec<PathBuf>) =
            files.iter().cloned().partition(|file| numpy::is_npy(file));
        let decoded = images::read_named(&pictures, shape);
        let decoded =
            pictures.into_iter().zip(decoded.into_iter().map(|read| read.map(Values::from)));
        let arrays = arrays.into_iter().map(|file| {
            let read = numpy::read_named(&file, shape);
            (file, read)
        });
        let mut read: Vec<_> = decoded.chain(arrays).collect();
        read.sort_by_key(|(file, _)| files.iter().position(|other| other == file));
        let mut all: Option<NamedImages> = None;
        for (file, read) in read {
            match (read, self.args.on_bad_image) {
                (Ok(values), _) => {
                    self.check_type(&file, &values)?;
                    let more = self.named(&file, values);
                    all = Some(match all.take() {
                        Some(all) => all.and(more)?,
                        None => more,
                    });
                }
                (Err(error), BadImageChoice::Skip) => {
                    output::note(&format!("left out: {}", output::chain(&error.into())));
                }
                (Err(error), BadImageChoice::Stop) => {
                    let reason = output::chain(&error.into());
                    bail!(
                        "{reason}; nothing was classified: --on-bad-image skip leaves such images out"
                    );
                }
            }
        }
        Ok(all)
    }

    /// Refuses numbers of another type than the network reads, or than the images before.
    fn check_type(&mut self, file: &Path, values: &Values) -> anyhow::Result<()> {
        let found = values.value_type();
        if *self.values.get_or_insert(found) == found {
            return Ok(());
        }
        let file = output::path(file);
        match found {
            ValueType::Bytes => bail!(
                "{file} has pixels from 0 to 255, but the network reads numbers of any size: name .npy files of float32"
            ),
            ValueType::Floats => bail!(
                "{file} has float32 numbers, but the network reads pixels from 0 to 255: save it as uint8"
            ),
        }
    }

    /// Returns the images of a file with their names.
    fn named(&self, file: &Path, values: Values) -> NamedImages {
        let numbers: usize = self.reads.shape.iter().product();
        let is_array = numpy::is_npy(file);
        let name = |image| Named { file: file.to_owned(), index: is_array.then_some(image) };
        NamedImages { names: (0..values.len() / numbers).map(name).collect(), values }
    }
}

impl NamedImages {
    /// Appends images of the same type.
    fn and(mut self, more: Self) -> anyhow::Result<Self> {
        self.names.extend(more.names);
        match (&mut self.values, more.values) {
            (Values::Bytes(all), Values::Bytes(more)) => all.extend(more),
            (Values::Floats(all), Values::Floats(more)) => all.extend(more),
            _ => return Err(anyhow!("the images have numbers of different types")),
        }
        Ok(self)
    }
}
