//! The types of attributes, and how terraform writes them: as JSON.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

/// The type of an attribute, an argument or a result.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Type {
    /// True or false.
    Bool,
    /// A decimal number of any size and precision.
    Number,
    /// A text.
    String,
    /// Any type: the value brings its own.
    Dynamic,
    /// Elements of one type, in order.
    List(Box<Type>),
    /// Elements of one type, without order.
    Set(Box<Type>),
    /// Elements of one type under keys of the user's choice.
    Map(Box<Type>),
    /// Named attributes, each of its own type.
    Object(BTreeMap<String, Type>),
    /// Elements each of its own type, in order.
    Tuple(Vec<Type>),
}

impl Type {
    /// A list of this type.
    pub fn list(element: Self) -> Self {
        Self::List(Box::new(element))
    }

    /// A set of this type.
    pub fn set(element: Self) -> Self {
        Self::Set(Box::new(element))
    }

    /// A map to this type.
    pub fn map(element: Self) -> Self {
        Self::Map(Box::new(element))
    }

    /// An object of these attributes.
    pub fn object<K: Into<String>>(attributes: impl IntoIterator<Item = (K, Self)>) -> Self {
        Self::Object(attributes.into_iter().map(|(name, ty)| (name.into(), ty)).collect())
    }

    pub(crate) fn to_json(&self) -> Json {
        match self {
            Self::Bool => json!("bool"),
            Self::Number => json!("number"),
            Self::String => json!("string"),
            Self::Dynamic => json!("dynamic"),
            Self::List(element) => json!(["list", element.to_json()]),
            Self::Set(element) => json!(["set", element.to_json()]),
            Self::Map(element) => json!(["map", element.to_json()]),
            Self::Object(attributes) => {
                let attributes: serde_json::Map<_, _> = attributes
                    .iter()
                    .map(|(name, ty)| (name.clone(), ty.to_json()))
                    .collect();
                json!(["object", attributes])
            }
            Self::Tuple(elements) => json!(["tuple", elements.iter().map(Self::to_json).collect::<Vec<_>>()]),
        }
    }

    pub(crate) fn to_json_bytes(&self) -> Vec<u8> {
        self.to_json().to_string().into_bytes()
    }

    /// Reads terraform's notation; none where it is another one.
    pub(crate) fn from_json(json: &Json) -> Option<Self> {
        if let Some(name) = json.as_str() {
            return match name {
                "bool" => Some(Self::Bool),
                "number" => Some(Self::Number),
                "string" => Some(Self::String),
                "dynamic" => Some(Self::Dynamic),
                _ => None,
            };
        }
        let [kind, of, ..] = json.as_array()?.as_slice() else {
            return None;
        };
        match kind.as_str()? {
            "list" => Self::from_json(of).map(Self::list),
            "set" => Self::from_json(of).map(Self::set),
            "map" => Self::from_json(of).map(Self::map),
            "object" => of
                .as_object()?
                .iter()
                .map(|(name, ty)| Some((name.clone(), Self::from_json(ty)?)))
                .collect::<Option<_>>()
                .map(Self::Object),
            "tuple" => of
                .as_array()?
                .iter()
                .map(Self::from_json)
                .collect::<Option<_>>()
                .map(Self::Tuple),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_written_as_terraform_does_and_read_back() {
        let ty = Type::object([
            ("a", Type::list(Type::set(Type::map(Type::Number)))),
            ("b", Type::Tuple(vec![Type::Bool, Type::Dynamic, Type::String])),
        ]);
        let text = r#"["object",{"a":["list",["set",["map","number"]]],"b":["tuple",["bool","dynamic","string"]]}]"#;
        assert_eq!(ty.to_json().to_string(), text);
        assert_eq!(Type::from_json(&ty.to_json()), Some(ty));
    }

    #[test]
    fn another_notation_is_refused() {
        for json in [
            json!("int"),
            json!(["list"]),
            json!(["bag", "string"]),
            json!(1),
            json!(["object", ["a"]]),
        ] {
            assert_eq!(Type::from_json(&json), None, "{json}");
        }
    }
}
