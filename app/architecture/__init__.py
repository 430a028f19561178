"""Any form of a network → the graph."""
