//! The kinds of AWS objects that a stack is made of, one file each.
