//! What a function of a provider can do: the trait that a provider implements.
//!
//! Invariant: functions are pure. Terraform calls them before the provider is configured, and compares their results
//! between plan and apply.

use crate::value::{Type, Value};

/// A pure function, called as `provider::kairos::name(…)`.
pub trait Function: Send + Sync + 'static {
    /// Its name.
    const NAME: &'static str;

    /// Its parameters and result.
    fn signature(&self) -> Signature;

    /// Calls it. There are as many arguments as parameters, those of the variadic one at the end; each is of its
    /// parameter's type, and neither null nor (partly) unknown unless the parameter takes that.
    ///
    /// # Errors
    /// An argument is not valid: which, and why.
    fn call(&self, arguments: Vec<Value>) -> Result<Value, FunctionError>;
}

/// The parameters and the result of a function, and what they mean.
#[derive(Debug, Clone)]
pub struct Signature {
    /// The parameters, in order.
    pub parameters: Vec<Parameter>,
    /// What further arguments are, where any number of them is taken.
    pub variadic: Option<Parameter>,
    /// The result's type.
    pub result: Type,
    /// What it is for, in a line.
    pub summary: String,
    /// What it does, in Markdown.
    pub description: String,
}

impl Signature {
    /// No parameters yet, and this result.
    pub fn returning(result: Type) -> Self {
        Self {
            parameters: Vec::new(),
            variadic: None,
            result,
            summary: String::new(),
            description: String::new(),
        }
    }

    /// Adds a parameter at the end.
    #[must_use]
    pub fn parameter(mut self, parameter: Parameter) -> Self {
        self.parameters.push(parameter);
        self
    }

    /// Takes any number of further arguments.
    #[must_use]
    pub fn variadic(mut self, parameter: Parameter) -> Self {
        self.variadic = Some(parameter);
        self
    }

    /// What it is for, in a line.
    #[must_use]
    pub fn summary(mut self, text: impl Into<String>) -> Self {
        self.summary = text.into();
        self
    }

    /// What it does, in Markdown.
    #[must_use]
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.description = text.into();
        self
    }

    /// The parameter of the argument at this position.
    pub(crate) fn parameter_at(&self, position: usize) -> Option<&Parameter> {
        self.parameters.get(position).or(self.variadic.as_ref())
    }
}

/// A parameter of a function.
#[derive(Debug, Clone)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: Type,
    /// What it means, its unit and limits, in Markdown.
    pub description: String,
    /// Whether null may be given.
    pub takes_null: bool,
    /// Whether unknown values may be given.
    pub takes_unknown: bool,
}

impl Parameter {
    /// A parameter that takes neither null nor unknown.
    pub fn new(name: impl Into<String>, ty: Type) -> Self {
        Self {
            name: name.into(),
            ty,
            description: String::new(),
            takes_null: false,
            takes_unknown: false,
        }
    }

    /// What it means, its unit and limits, in Markdown.
    #[must_use]
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.description = text.into();
        self
    }

    /// Null may be given.
    #[must_use]
    pub fn takes_null(mut self) -> Self {
        self.takes_null = true;
        self
    }

    /// Unknown values may be given; otherwise the result is unknown without a call.
    #[must_use]
    pub fn takes_unknown(mut self) -> Self {
        self.takes_unknown = true;
        self
    }
}

/// Why a function cannot answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct FunctionError {
    /// What is wrong, in a sentence.
    pub text: String,
    /// The argument at fault, from 0.
    pub argument: Option<usize>,
}

impl FunctionError {
    /// The call as a whole is at fault.
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            argument: None,
        }
    }

    /// The argument at this position (from 0) is at fault.
    pub fn at(argument: usize, text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            argument: Some(argument),
        }
    }
}
