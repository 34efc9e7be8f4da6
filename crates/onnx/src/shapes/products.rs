//! Products of matrices.

use super::Dim;
use super::broadcast::both;
use super::call::Call;
use super::symbols::Symbols;

/// A product of two values, each a matrix, a vector, or many matrices.
pub(super) fn matrices(call: &Call<'_>, symbols: &mut Symbols<'_>) -> Option<Vec<Dim>> {
    multiply(call.dims(0)?, call.dims(1)?, symbols)
}

/// A product whose inputs have scales and zero points.
pub(super) fn quantised(call: &Call<'_>, symbols: &mut Symbols<'_>) -> Option<Vec<Dim>> {
    multiply(call.dims(0)?, call.dims(3)?, symbols)
}

/// A product whose inputs can be transposed first.
pub(super) fn fused(call: &Call<'_>, symbols: &mut Symbols<'_>) -> Option<Vec<Dim>> {
    let transposed = |input: usize, name: &str| {
        let mut dims = call.dims(input)?.to_vec();
        if let (1, [.., rows, columns]) = (call.int(name, 0), dims.as_mut_slice()) {
            std::mem::swap(rows, columns);
        }
        Some(dims)
    };
    if call.int("transBatchA", 0) != 0 || call.int("transBatchB", 0) != 0 {
        return None;
    }
    multiply(&transposed(0, "transA")?, &transposed(1, "transB")?, symbols)
}

/// Two matrices, and what is added to their product.
pub(super) fn affine(call: &Call<'_>, symbols: &mut Symbols<'_>) -> Option<Vec<Dim>> {
    let side = |input: usize, transposed: bool| match call.dims(input) {
        Some([rows, columns]) => Some(if transposed { *columns } else { *rows }),
        _ => None,
    };
    let rows = side(0, call.int("transA", 0) != 0);
    let columns = side(1, call.int("transB", 0) == 0);
    let known = |dim: Option<Dim>, symbols: &mut Symbols<'_>| dim.or_else(|| symbols.fresh());
    Some(vec![known(rows, symbols)?, known(columns, symbols)?])
}

/// A product with a matrix that is kept in few bits: an attribute has its columns.
pub(super) fn packed(call: &Call<'_>, _: &mut Symbols<'_>) -> Option<Vec<Dim>> {
    let columns = usize::try_from(call.node.int("N")?).ok()?;
    let mut dims = call.dims(0)?.to_vec();
    *dims.last_mut()? = Dim::Known(columns);
    Some(dims)
}

/// The determinant of every matrix.
pub(super) fn determinant(call: &Call<'_>, _: &mut Symbols<'_>) -> Option<Vec<Dim>> {
    let [ahead @ .., _, _] = call.dims(0)? else { return None };
    Some(ahead.to_vec())
}

/// Attention: queries, keys and values, with an axis of heads or without.
pub(super) fn attention(call: &Call<'_>, symbols: &mut Symbols<'_>) -> Option<Vec<Dim>> {
    match (call.dims(0)?, call.dims(2)?) {
        ([batch, heads, length, _], [_, _, _, width]) => {
            Some(vec![*batch, *heads, *length, *width])
        }
        ([batch, length, _], [_, _, width]) => {
            let heads = |name| usize::try_from(call.node.int(name)?).ok().map(Dim::Known);
            let (queries, keys) = (heads("q_num_heads")?, heads("kv_num_heads")?);
            let head = symbols.divide(*width, keys)?;
            Some(vec![*batch, *length, symbols.multiply(&[queries, head])?])
        }
        _ => None,
    }
}

fn multiply(one: &[Dim], other: &[Dim], symbols: &mut Symbols<'_>) -> Option<Vec<Dim>> {
    // A vector on the left is a row, and a vector on the right is a column. Both are taken away again.
    let (ahead, rows) = match one {
        [] => return None,
        [_] => (&[][..], None),
        [ahead @ .., rows, _] => (ahead, Some(*rows)),
    };
    let (others, columns) = match other {
        [] => return None,
        [_] => (&[][..], None),
        [others @ .., _, columns] => (others, Some(*columns)),
    };
    let mut dims = both(ahead, others, symbols)?;
    dims.extend(rows);
    dims.extend(columns);
    Some(dims)
}

#[cfg(test)]
mod tests {
    use crate::shapes::testing::case;

    #[test]
    fn matrices_and_vectors_are_multiplied() {
        let product = |one: &str, other: &str| case("MatMul").input(one).input(other).shape();
        assert_eq!(product("N 3", "3 4"), "N 4");
        assert_eq!(product("2 1 5 3", "7 3 4"), "2 7 5 4");
        assert_eq!(product("3", "3 4"), "4");
        assert_eq!(product("2 5 3", "3"), "2 5");
        assert_eq!(product("3", "3"), "");
        assert_eq!(product("", "3"), "unknown");
    }

    #[test]
    fn products_of_integers_are_like_others() {
        assert_eq!(case("MatMulInteger").input("N 3").input("3 4").shape(), "N 4");
        let quantised = case("QLinearMatMul").input("N 3").input("").input("").input("3 4");
        assert_eq!(quantised.shape(), "N 4");
        let packed = case("MatMulNBits").domain("com.microsoft").input("N T 64").int("N", 32);
        assert_eq!(packed.shape(), "N T 32");
    }

    #[test]
    fn sides_can_be_transposed() {
        let gemm = |one: &str, other: &str| case("Gemm").input(one).input(other);
        assert_eq!(gemm("N 3", "3 4").shape(), "N 4");
        assert_eq!(gemm("3 N", "4 3").int("transA", 1).int("transB", 1).shape(), "N 4");
        assert_eq!(case("Gemm").unknown().input("4 3").int("transB", 1).shape(), "? 4");
        let fused = case("FusedMatMul").domain("com.microsoft").input("2 3 N").input("2 4 3");
        assert_eq!(fused.int("transA", 1).int("transB", 1).shape(), "2 N 4");
    }

    #[test]
    fn the_last_two_axes_have_a_determinant() {
        assert_eq!(case("Det").input("N 3 3").shape(), "N");
    }

    #[test]
    fn attention_has_the_width_of_its_values() {
        let heads = case("Attention").input("N 4 T 8").input("N 4 S 8").input("N 4 S 6");
        assert_eq!(heads.shape(), "N 4 T 6");
        let joined = case("Attention").input("N T 32").input("N S 16").input("N S 12");
        assert_eq!(joined.int("q_num_heads", 4).int("kv_num_heads", 2).shape(), "N T 24");
    }
}
