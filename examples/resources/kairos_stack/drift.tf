resource "kairos_stack" "vigilado" {
  name     = "Vigilado"
  executor = { role_prefix = "vigilado-" }
}

# What is not as it should be. Empty after an apply.
output "drift" {
  value = {
    for name, component in kairos_stack.vigilado.components : name => component.drift
    if contains(["drifted", "missing"], component.status)
  }
}
