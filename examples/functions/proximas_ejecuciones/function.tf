# Midnight in Chile, when the clocks go forward: it does not exist on 6 September 2026.
output "medianoche" {
  value = provider::kairos::proximas_ejecuciones("0 0 * * ? *", "America/Santiago", "2026-09-04T12:00:00-04:00", 3)
}

# What a plan of today would run next.
output "siguiente" {
  value = one(provider::kairos::proximas_ejecuciones("0 3 ? * MON-FRI *", "UTC", plantimestamp(), 1))
}

# A schedule that has ended has no more.
output "terminada" {
  value = provider::kairos::proximas_ejecuciones("0 0 1 1 ? 2020-2025", null, "2026-01-01T00:00:00Z", 5)
}
