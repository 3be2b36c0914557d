@rem npm runs scripts through a shell that does not hand on a signal; "exec" makes the script take the shell's place, so that
@rem it is told to stop itself. The shell of Windows has no exec, and takes this one from the folder it stands in.
@%*
