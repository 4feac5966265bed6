terraform import kairos_stack.this Kairos
