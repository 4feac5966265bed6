//! Round trips over generated values, and the bytes that terraform itself sends.

use proptest::prelude::*;

use super::*;

fn number() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(|n| Value::Number(n.into())),
        "-?[0-9]{1,40}(\\.[0-9]{1,40})?".prop_filter_map("a number", |text| text.parse().ok().map(Value::Number)),
    ]
}

/// A type, and a value of it with null and unknown parts at any depth.
fn typed() -> impl Strategy<Value = (Type, Value)> {
    ty().prop_flat_map(|ty| {
        let values = value(&ty);
        (Just(ty), values)
    })
}

fn ty() -> impl Strategy<Value = Type> {
    let leaf = prop_oneof![
        Just(Type::Bool),
        Just(Type::Number),
        Just(Type::String),
        Just(Type::Dynamic)
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(Type::list),
            inner.clone().prop_map(Type::set),
            inner.clone().prop_map(Type::map),
            prop::collection::btree_map("[a-z]{1,3}", inner.clone(), 0..3).prop_map(Type::Object),
            prop::collection::vec(inner, 0..3).prop_map(Type::Tuple),
        ]
    })
}

fn value(ty: &Type) -> BoxedStrategy<Value> {
    let known = match ty {
        Type::Bool => any::<bool>().prop_map(Value::from).boxed(),
        Type::Number => number().boxed(),
        Type::String => any::<String>().prop_map(Value::from).boxed(),
        Type::Dynamic => prop_oneof![Just(Type::String), Just(Type::list(Type::Number))]
            .prop_flat_map(|ty| {
                let values = value(&ty);
                (Just(ty), values)
            })
            .prop_map(|inner| Value::Dynamic(Box::new(inner)))
            .boxed(),
        Type::List(element) => prop::collection::vec(value(element), 0..4)
            .prop_map(Value::List)
            .boxed(),
        Type::Set(element) => prop::collection::vec(value(element), 0..4)
            .prop_map(|v| Value::Set(ValueSet(v)))
            .boxed(),
        Type::Map(element) => prop::collection::btree_map(any::<String>(), value(element), 0..4)
            .prop_map(Value::Map)
            .boxed(),
        Type::Object(attributes) => attributes
            .iter()
            .map(|(name, ty)| (Just(name.clone()), value(ty)))
            .collect::<Vec<_>>()
            .prop_map(|members| Value::Object(members.into_iter().collect()))
            .boxed(),
        Type::Tuple(types) => types
            .iter()
            .map(value)
            .collect::<Vec<_>>()
            .prop_map(Value::List)
            .boxed(),
    };
    let refined = any::<[u8; 3]>().prop_map(|bytes| Value::Unknown(Unknown::refined(bytes.to_vec())));
    prop_oneof![8 => known, 1 => Just(Value::Null), 1 => Just(Value::unknown()), 1 => refined].boxed()
}

proptest! {
    #[test]
    fn what_is_written_is_read_back((ty, value) in typed()) {
        let bytes = to_msgpack(&value, &ty)?;
        prop_assert_eq!(from_msgpack(&bytes, &ty)?, value);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let ty = Type::object([("a", Type::list(Type::Number)), ("b", Type::Dynamic)]);
        let _ = from_msgpack(&bytes, &ty);
    }
}

#[track_caller]
fn check(bytes: &[u8], ty: &Type, expected: &Value) {
    assert_eq!(from_msgpack(bytes, ty).as_ref(), Ok(expected));
    assert_eq!(to_msgpack(expected, ty).as_deref(), Ok(bytes));
}

#[test]
fn bytes_of_terraform_are_understood_and_given_back() {
    let string = Type::String;
    check(b"\xc0", &string, &Value::Null);
    check(b"\xd4\x00\x00", &string, &Value::unknown());
    check(b"\xa2hi", &string, &"hi".into());
    check(
        b"\xc7\x03\x0c\x81\x01\xc2",
        &string,
        &Value::Unknown(Unknown::refined(b"\x81\x01\xc2".to_vec())),
    );
    check(
        b"\x92\xc4\x08\"string\"\xa1x",
        &Type::Dynamic,
        &Value::Dynamic(Box::new((Type::String, "x".into()))),
    );
    check(b"\x92\x01\xff", &Type::list(Type::Number), &Value::list([1, -1]));
}

#[test]
fn a_fraction_travels_as_its_digits() -> Result<(), ValueError> {
    let value = from_msgpack(b"\xa30.1", &Type::Number)?;
    assert_eq!(
        value,
        Value::Number("0.1".parse().map_err(|_| ValueError::new(&Path::empty(), "digits"))?)
    );
    assert_eq!(to_msgpack(&value, &Type::Number)?, b"\xa30.1");
    // What a double holds exactly arrives as one, and may leave as its digits.
    let half = from_msgpack(b"\xcb\x3f\xe0\0\0\0\0\0\0", &Type::Number)?;
    assert_eq!(to_msgpack(&half, &Type::Number)?, b"\xa30.5");
    Ok(())
}

#[track_caller]
fn check_refused(bytes: &[u8], ty: &Type, expected: &str) {
    let told = from_msgpack(bytes, ty).map_err(|error| format!("{}: {}", error.path, error.message));
    assert_eq!(told, Err(expected.to_owned()));
}

#[test]
fn what_does_not_fit_the_type_is_refused_with_its_path() {
    let object = Type::object([("a", Type::list(Type::Number))]);
    check_refused(
        b"\x81\xa1a\x91\xc3",
        &object,
        "a[0]: a finite number is needed, found true",
    );
    check_refused(b"\x81\xa1b\xc0", &object, "b: there is no such attribute");
    check_refused(
        b"\xcb\x7f\xf0\0\0\0\0\0\0",
        &Type::Number,
        ": a finite number is needed, found inf",
    );
    check_refused(
        b"\xc3",
        &Type::String,
        ": a value of the type \"string\" is needed, found true",
    );
    check_refused(
        b"\x91\xc0",
        &Type::Dynamic,
        ": a dynamic value must be its type and the value",
    );
    let missing = to_msgpack(&Value::object([("x", Value::Null)]), &object).map_err(|e| e.path.to_string());
    assert_eq!(missing, Err("x".to_owned()));
}
