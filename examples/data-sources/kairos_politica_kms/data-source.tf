data "kairos_politica_kms" "llave" {
  stack = "Kairos"
}

# The whole policy of the key: its administrators, and what the stack needs.
output "politica_llave" {
  value = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Sid       = "Administradores"
        Effect    = "Allow"
        Principal = { AWS = "arn:aws:iam::123456789012:role/administradores" }
        Action    = "kms:*"
        Resource  = "*"
      }],
      jsondecode(data.kairos_politica_kms.llave.declaraciones),
    )
  })
}
