"""What every module may use: errors, parameters, the stage command, progress, files."""
