import {
  to = kairos_proceso.cierre
  id = "Kairos/Cierre diario"
}
