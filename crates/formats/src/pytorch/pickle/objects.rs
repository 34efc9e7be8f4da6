//! What a pickle makes of the names of Python: nothing is imported and nothing is called.

use rayclip_data::plain;

use super::{Fault, Id, Machine, Node, damaged};
use crate::pytorch::calls::{self, Called};

/// The attributes of an object that are looked at.
const MOST_ATTRIBUTES: usize = 64;

/// The most characters of a name.
const MOST_NAME: usize = 1000;

impl Machine<'_> {
    /// Does an operation on the objects of Python.
    pub(super) fn object(&mut self, operation: u8) -> Result<(), Fault> {
        match operation {
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.global(&module, &name)
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                match (&self.nodes[module], &self.nodes[name]) {
                    (Node::Text(module), Node::Text(name))
                        if module.len() + name.len() <= MOST_NAME =>
                    {
                        let (module, name) = (module.clone(), name.clone());
                        self.global(&module, &name)
                    }
                    _ => Err(damaged("it names something of Python by what is no name")),
                }
            }
            b'R' => {
                let (arguments, callable) = (self.pop()?, self.pop()?);
                self.call(callable, arguments)
            }
            0x81 => {
                let (_, class) = (self.pop()?, self.pop()?);
                let node = self.make(class);
                self.push(node)
            }
            0x92 => {
                let (_, _, class) = (self.pop()?, self.pop()?, self.pop()?);
                let node = self.make(class);
                self.push(node)
            }
            b'b' => {
                let state = self.pop()?;
                self.build(state)
            }
            b'Q' => {
                let id = self.pop()?;
                let node = calls::persistent(&self.nodes, id)?;
                self.push_made(node)
            }
            b'i' => Err(Fault::Code(full_name(&self.line()?, &self.line()?))),
            b'o' => {
                let items = self.pop_to_mark()?;
                let class = items.first().map(|class| self.name_of(*class));
                Err(Fault::Code(class.unwrap_or_default()))
            }
            b'P' => Err(damaged("its tensors are in an archive of before 2017; save it again")),
            _ => Err(Fault::Code("an extension of Python".into())),
        }
    }

    fn global(&mut self, module: &str, name: &str) -> Result<(), Fault> {
        let name = full_name(module, name);
        if !calls::is_harmless(&name) && self.stranger.is_none() {
            self.stranger = Some(name.clone());
        }
        self.push_made(Node::Global(name))
    }

    /// Pushes what a call gives, without calling anything.
    fn call(&mut self, callable: Id, arguments: Id) -> Result<(), Fault> {
        let Node::Global(name) = &self.nodes[callable] else {
            return Err(Fault::Code("an object that another call gives".into()));
        };
        match calls::call(&self.nodes, name, arguments)? {
            Called::Node(node) => self.push_made(node),
            Called::Same(id) => {
                self.stack.push(id);
                Ok(())
            }
            Called::Pairs(pairs) => self.push_made(Node::Dict(pairs)),
        }
    }

    /// Returns an object of a class.
    fn make(&mut self, class: Id) -> Node {
        match &self.nodes[class] {
            Node::Global(name) if calls::is_dictionary(name) => Node::Dict(vec![]),
            _ => Node::Other,
        }
    }

    /// Gives the object on the stack its attributes, which no network needs.
    fn build(&mut self, state: Id) -> Result<(), Fault> {
        self.top()?;
        let Node::Dict(attributes) = &self.nodes[state] else { return Ok(()) };
        // They are among the first attributes of every module.
        let is_module = attributes.iter().take(MOST_ATTRIBUTES).any(|(key, _)| {
            matches!(&self.nodes[*key], Node::Text(key) if ["_parameters", "_modules"].contains(&key.as_str()))
        });
        if is_module {
            let class = self.stranger.clone().unwrap_or_else(|| "torch.nn.Module".into());
            return Err(Fault::WholeModule(class));
        }
        Ok(())
    }

    fn name_of(&self, id: Id) -> String {
        match &self.nodes[id] {
            Node::Global(name) => name.clone(),
            _ => "an object".into(),
        }
    }
}

fn full_name(module: &str, name: &str) -> String {
    plain(&format!("{module}.{name}"))
}
