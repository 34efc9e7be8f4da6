//! Which operation a node is, and its attributes by name.

use crate::proto::{Attribute, Graph, Node, Tensor};

/// The numbers of the types of an attribute in ONNX.
mod kind {
    pub(super) const FLOAT: i32 = 1;
    pub(super) const INT: i32 = 2;
    pub(super) const STRING: i32 = 3;
    pub(super) const FLOATS: i32 = 6;
    pub(super) const INTS: i32 = 7;
}

impl Attribute {
    /// Returns whether it says that it has a type. Some writers leave out a value that is zero or empty.
    fn is(&self, kind: i32) -> bool {
        self.r#type == Some(kind)
    }
}

impl Node {
    /// Returns the name of its operation; empty if it has none.
    pub fn op(&self) -> &str {
        self.op_type()
    }

    /// Returns whether its operation is one of ONNX.
    pub fn has_standard_op(&self) -> bool {
        matches!(self.domain(), "" | "ai.onnx")
    }

    /// Returns the name of an input; `None` if the node does not have it.
    pub fn input(&self, index: usize) -> Option<&str> {
        self.input.get(index).map(String::as_str).filter(|name| !name.is_empty())
    }

    /// Returns an attribute by its name.
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attribute.iter().find(|attribute| attribute.name.as_deref() == Some(name))
    }

    /// Returns an integer.
    pub fn int(&self, name: &str) -> Option<i64> {
        let attribute = self.attribute(name)?;
        attribute.i.or(attribute.is(kind::INT).then_some(0))
    }

    /// Returns a list of integers.
    pub fn ints(&self, name: &str) -> Option<&[i64]> {
        let attribute = self.attribute(name)?;
        (!attribute.ints.is_empty() || attribute.is(kind::INTS)).then_some(&attribute.ints)
    }

    /// Returns a float.
    pub fn float(&self, name: &str) -> Option<f32> {
        let attribute = self.attribute(name)?;
        attribute.f.or(attribute.is(kind::FLOAT).then_some(0.0))
    }

    /// Returns a list of floats.
    pub fn floats(&self, name: &str) -> Option<&[f32]> {
        let attribute = self.attribute(name)?;
        (!attribute.floats.is_empty() || attribute.is(kind::FLOATS)).then_some(&attribute.floats)
    }

    /// Returns a text; `None` if it is not UTF-8.
    pub fn string(&self, name: &str) -> Option<&str> {
        let attribute = self.attribute(name)?;
        match &attribute.s {
            Some(bytes) => str::from_utf8(bytes).ok(),
            None => attribute.is(kind::STRING).then_some(""),
        }
    }

    /// Returns a tensor.
    pub fn tensor(&self, name: &str) -> Option<&Tensor> {
        self.attribute(name)?.t.as_ref()
    }

    /// Returns a graph, such as a branch of an If.
    pub fn graph(&self, name: &str) -> Option<&Graph> {
        self.attribute(name)?.g.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(attribute: Attribute) -> Node {
        let attribute = Attribute { name: Some("a".into()), ..attribute };
        Node { attribute: vec![attribute], ..Node::default() }
    }

    #[test]
    fn attributes_are_found_by_name_and_type() {
        let whole = node(Attribute { i: Some(3), ..Attribute::default() });
        assert_eq!((whole.int("a"), whole.int("b"), whole.float("a")), (Some(3), None, None));
        let list = node(Attribute { ints: vec![1, 2], ..Attribute::default() });
        assert_eq!((list.ints("a"), list.int("a")), (Some(&[1, 2][..]), None));
        let text = node(Attribute { s: Some("SAME_UPPER".into()), ..Attribute::default() });
        assert_eq!(text.string("a"), Some("SAME_UPPER"));
        let broken = node(Attribute { s: Some(vec![0xff].into()), ..Attribute::default() });
        assert_eq!(broken.string("a"), None);
    }

    #[test]
    fn what_was_left_out_because_it_is_zero_is_zero() {
        let typed = |kind| node(Attribute { r#type: Some(kind), ..Attribute::default() });
        assert_eq!(typed(kind::INT).int("a"), Some(0));
        assert_eq!(typed(kind::FLOAT).float("a"), Some(0.0));
        assert_eq!(typed(kind::STRING).string("a"), Some(""));
        assert_eq!(typed(kind::INTS).ints("a"), Some(&[][..]));
        assert_eq!(typed(kind::FLOATS).floats("a"), Some(&[][..]));
        assert_eq!(typed(kind::INT).ints("a"), None);
    }

    #[test]
    fn both_names_of_the_standard_domain_are_the_same() {
        let node =
            |domain: Option<&str>| Node { domain: domain.map(Into::into), ..Node::default() };
        assert!(node(None).has_standard_op() && node(Some("ai.onnx")).has_standard_op());
        assert!(!node(Some("com.microsoft")).has_standard_op());
    }

    #[test]
    fn an_input_without_a_name_is_missing() {
        let node = Node { input: vec!["x".into(), String::new()], ..Node::default() };
        assert_eq!([0, 1, 2].map(|index| node.input(index)), [Some("x"), None, None]);
    }
}
