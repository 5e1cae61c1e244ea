//! FIWARE Orion and others that speak NGSI-v2.
