"""What outlives a process: the transition log, the actor's journal, run folders, metrics, checkpoints. No ROS."""
