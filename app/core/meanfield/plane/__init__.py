"""The plane of weight and bias scales: fixed points, order, chaos and the edge between."""
