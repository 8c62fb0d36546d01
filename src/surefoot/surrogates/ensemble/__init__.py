"""From out-of-fold predictions to one calibrated predictive law and honest scores."""
