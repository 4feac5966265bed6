import {
  to = kairos_stack.this
  id = "Kairos"
}
